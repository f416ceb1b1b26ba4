"""The only place that touches disk and video.

| module       | what it turns into what                                                  |
|--------------|--------------------------------------------------------------------------|
| `frames`     | a folder of pictures or a video file into frames, forwards and backwards |
| `video`      | one video file into frames; used through `frames.open_frames`            |
| `decoding`   | a video file into its decoded stream, safely; used by `video`            |
| `pictures`   | one picture file into a picture, or a message that says what is wrong    |
| `masks`      | mask files into label maps, and back                                     |
| `overlay`    | frames and label maps into a video or a picture to look at               |
| `weights`    | a weights file into a checked model, and back                            |
| `run_record` | a run into a file that says how to repeat it                             |
| `atomic`     | a file that is either complete or not there                              |

Import the module that you need; importing this package loads none of them.
"""
