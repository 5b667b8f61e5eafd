"""Where frames come from when not from a page's camera: sources on the kernel's side.

`kcomm.webcam(source=...)` takes any object with the few methods of `Source`, or the path of a folder of
images or of a video file.
"""

from kcomm.cameras.images import ImageFolder
from kcomm.cameras.opening import as_source
from kcomm.cameras.source import Source
from kcomm.cameras.video import VideoFile

__all__ = ["ImageFolder", "Source", "VideoFile", "as_source"]
