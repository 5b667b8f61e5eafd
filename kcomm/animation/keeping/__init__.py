"""What stays of an animation: a poster, a page that plays by itself, files of other formats."""
