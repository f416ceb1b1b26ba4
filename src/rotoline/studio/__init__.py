"""The studio: mark objects, track them, correct the result, in a browser on one's own machine.

`project` is what is kept on the disk, `engine` the one thread that computes, `server` what the page
asks for; `page/` holds the page itself.
"""
