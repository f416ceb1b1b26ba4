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
| `excerpt`       | reads a part of the frames of another source, by frame or by time              |
| `backwards`     | reads frames in reverse, in chunks                                             |
| `probe`         | says what a file or a folder is, with `probe_video`                            |
| `grey`          | shows grey pictures with more than 8 bits                                      |
| `pictures`      | opens one picture file, or says what is wrong with it; lists folders           |
| `masks`         | reads and writes mask files; reads the masks of the annotated frames           |
| `frame_names`   | finds frames by their names, with numbers compared as numbers                  |
| `mask_files`    | says which file marks which frame                                              |
| `palette`       | the colours of mask files; the ids of a mask with a palette                    |
| `colour_masks`  | reads or explains colour pictures given as masks                               |
| `rle`           | masks as run lengths, as COCO and CVAT have them                               |
| `coco`          | the JSON of COCO and YouTube-VIS, for their readers and writers                |
| `readers`       | reads annotations of other programs, one module each                           |
| `conversion`    | writes masks of one format in another                                          |
| `mask_frames`   | what masks tell of their frames, without the video                             |
| `soft_edges`    | recognises masks whose edges are soft, or that are dithered                    |
| `overlay`       | draws objects into frames: pictures, videos, contact sheets                    |
| `writers`       | the formats of results, one module each, and their registry                    |
| `results`       | reads the results of a run back, whatever their format                         |
| `run_state`     | keeps what a run needs to go on after it was stopped                           |
| `old_results`   | replaces the results of an earlier run                                         |
| `frame_store`   | keeps bytes by frame index in a file that grows                                |
| `tensor_files`  | writes tensors to a file, from which they come back bit for bit                |
| `run_record`    | writes and reads `run.json`, which says how a result was made                  |
| `text`          | reads a small text file, or says what is wrong with it                         |
| `atomic`        | writes a file that is either complete or not there                             |

Weights files are read, written and downloaded by `rotoline.weights`, the only package that uses the
network. Import the module that you need; importing this package loads none of them.
"""
