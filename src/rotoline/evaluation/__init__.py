"""Measuring accuracy, time and calibration.

| module              | what it holds                                                          |
|---------------------|------------------------------------------------------------------------|
| `folders`           | J and F of a folder of masks: `rotoline evaluate`                      |
| `benchmark`         | a whole DAVIS or YouTube-VOS split: `rotoline benchmark`               |
| `halves`            | clips that the weights have not seen: `rotoline experiment halves`     |
| `unlike`            | clips unlike DAVIS: `rotoline experiment unlike`                       |
| `experiment`        | what these two share                                                   |
| `development`       | one configuration on the development clips: `rotoline experiment dev`  |
| `ablation`          | variants that leave something out: `rotoline experiment ablation`      |
| `clips`             | a clip to measure on, and the groups of clips                          |
| `development_clips` | the development clips                                                  |
| `measure`           | segments and scores one clip                                           |
| `error_places`      | where the loss of J is: at the border, inside, outside                 |
| `runner`            | measures many clips, in one process or several                         |
| `results`           | `results.json` of `experiment`: records, reading, writing, comparing   |
| `rows`              | means over clips with their intervals                                  |
| `benchmark_results` | `results.json` of `benchmark`, and its table                           |
| `report`            | results as Markdown tables, also from committed `results.json` files   |
| `unseen_report`     | the pages of `halves` and `unlike`                                     |
| `paper_tables`      | Tables 1, 2 and 3 of the paper, with our rows                          |
| `tables`            | Markdown tables from rows of cells                                     |
| `figures`           | the worst frames, and the reliability diagram                          |
| `calibration`       | how well confidence predicts J                                         |
| `bootstrap`         | confidence intervals of means and differences                          |
| `feature_cache`     | computes once what several configurations share                        |

Nothing is imported here, so that importing one module loads only what that module needs.
"""
