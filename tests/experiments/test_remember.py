import torch

from rotoline.experiments.remember import remembering


def test_remembered_features_change_no_bit(model, small, make_clip):
    pictures, labels = make_clip(frames=5, ids=(1, 2))
    variant = small.model_copy(
        update={"regions": small.regions.model_copy(update={"enabled": False})}
    )

    configs = (small, variant)

    def run(config):
        return list(model.segment(pictures, labels[0], config=config))

    plain = [result for config in configs for result in run(config)]
    again, passes = [], []
    with remembering(model.net) as memory:
        for config in configs:
            again += run(config)
            passes.append(memory.passes)
        memory.forget()
        run(small)
    for before, after in zip(plain, again, strict=True):
        assert torch.equal(before.logits, after.logits)
        assert before.confidence == after.confidence
        assert (before.labels == after.labels).all()
    assert passes[0] == passes[1] >= len(pictures)
    assert memory.passes == 2 * passes[0]
    assert model.net.embedding is memory.embedding


def test_inputs_that_differ_in_shape_alone_are_told_apart(model):
    wide = torch.zeros(1, 3, 32, 64)
    with torch.inference_mode(), remembering(model.net) as memory:
        assert memory(wide).embedding.shape[-2:] == (8, 16)
        assert memory(wide.reshape(1, 3, 64, 32)).embedding.shape[-2:] == (16, 8)
        assert memory(wide) is memory(wide.clone())
    assert memory.passes == 2
