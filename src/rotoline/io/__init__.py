"""Read frames, videos, pictures and masks; write masks, overlays, results and run records.

| module          | what it does                                                                   |
|-----------------|--------------------------------------------------------------------------------|
| `frames`        | reads a folder of pictures or a video file as frames, forwards and backwards   |
| `video`         | reads one video file as frames; used through `frames.open_frames`              |
| `decoding`      | opens and decodes a video file safely; used by `video`                         |
| `alive`         | tells a process that waits for this one that pictures are decoded              |
| `sandbox`       | has the frames decoded by another process                                      |
| `decoder_process` | is that process                                                              |
| `streams`       | chooses the video stream of a file                                             |
| `completeness`  | says whether a video gave all the frames that its file promises                |
| `gif`           | counts the pictures of a GIF file                                              |
| `picture_stack` | reads one file with several pictures as frames: TIFF, WebP, AVIF               |
| `grey`          | shows grey pictures with more than 8 bits                                      |
| `pictures`      | opens one picture file, or says what is wrong with it; lists folders           |
| `masks`         | reads and writes mask files; reads the masks of the annotated frames           |
| `frame_names`   | finds frames by their names, with numbers compared as numbers                  |
| `mask_files`    | says which file marks which frame                                              |
| `palette`       | the colours of mask files; the ids of a mask with a palette                    |
| `colour_masks`  | reads or explains colour pictures given as masks                               |
| `soft_edges`    | recognises masks whose edges are soft, or that are dithered                    |
| `overlay`       | draws objects into frames: pictures, videos, contact sheets                    |
| `writers`       | the formats of results, one module each, and their registry                    |
| `results`       | reads the results of a run back, whatever their format                         |
| `run_record`    | writes and reads `run.json`, which says how a result was made                  |
| `text`          | reads a small text file, or says what is wrong with it                         |
| `atomic`        | writes a file that is either complete or not there                             |

Weights files are read, written and downloaded by `rotoline.weights`, the only package that uses the
network. Import the module that you need; importing this package loads none of them.
"""
