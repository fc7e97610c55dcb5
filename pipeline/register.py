"""Register: log the model in MLflow, register it, and make it champion if it is the best.

Reads   models/digits.onnx, network.onnx and digits.weights.h5, data/processed/, data/interim/profile.json and
        data/reference.json (whether they differ), and the metrics, figures, reports and cards of the other stages,
        which are logged in the run; the model card is the version's description
Writes  models/registered.json (what was registered, not whether it is champion)
"""

from digits.errors import run
from digits.files import write_json
from digits.params import load
from digits.paths import PROFILE, REFERENCE_PROFILE, REGISTERED
from digits.tracking import registration, registry, tags


def main() -> None:
    params = load()
    content = tags.of_model()
    # DVC runs this stage each time, since it cannot know what a store holds
    if registration.is_registered(content, params.register_):
        print("registered: the registry holds this model already")
    else:
        decision = registration.register(params, content)
        print(f"registered: {decision.reason}")
        if decision.champion and REFERENCE_PROFILE.read_bytes() != PROFILE.read_bytes():
            print(
                f"its training data differ from the reference profile {REFERENCE_PROFILE}: `digits data reference` "
                "updates it"
            )
        print("next: `digits predict PICTURE` or `make serve` to use the champion, `make ui` to compare runs")
    write_json(REGISTERED, {"name": registry.NAME, **content, "accuracy": float(content["accuracy"])})


if __name__ == "__main__":
    run(main)
