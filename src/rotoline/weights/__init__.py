"""Weights files: read, written, converted, downloaded.

| module       | what it does                                                                   |
|--------------|--------------------------------------------------------------------------------|
| `files`      | reads and writes weights files and their records                               |
| `names`      | lists the names that tensors had in version 0.1                                |
| `convert`    | converts weights files of version 0.1                                          |
| `pretrained` | lists weights that others published and reads them; the only module to unpickle |
| `download`   | downloads published weights; the only module to use the network                |
| `imagenet`   | loads the ImageNet weights of the encoder of the preset `fast`                 |
"""
