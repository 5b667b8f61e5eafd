"""Pictures: one `Frame`, the codecs, the choice among them, and images as files' bytes."""

from kcomm.frames.choice import CODECS, choose
from kcomm.frames.codec import Codec
from kcomm.frames.frame import Frame
from kcomm.frames.images import decode, encode
from kcomm.frames.pixels import MAX_PIXELS, Pixels, to_pixels

__all__ = ["CODECS", "MAX_PIXELS", "Codec", "Frame", "Pixels", "choose", "decode", "encode", "to_pixels"]
