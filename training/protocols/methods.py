"""The methods that are compared, by name: `thaw`, what is taken away from it, `paper`, and the simple ones."""

from collections.abc import Mapping, Sequence

from training.baselines.chance import fit_chance
from training.baselines.many_kernels import ALL_WAYS, SUM_OF_MODALITIES
from training.baselines.method import STANDARD, Method, Tried
from training.baselines.mlp import fit_mlp
from training.baselines.profile import fit_best_match, fit_content_knn, fit_mean_profile
from training.baselines.ridge import TO_FACTORS, fit_user_ridge
from training.config import read_numbers
from training.errors import BadConfig
from training.ranking import Ranker, by_factors
from training.recipes.embed import embed_all
from training.recipes.paper import PaperNumbers, train_paper
from training.recipes.thaw import count_settings, train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, Trained

OURS = "thaw"


def thaw(name: str, *, reads: tuple[str, ...] = (), **numbers: str) -> Method:
    """The recipe, some numbers fixed."""

    ours = read_numbers(ThawNumbers, numbers)

    def fit(job: Job) -> Tried:
        trained = train_thaw(job, ours)
        yield ", ".join(f"{key} {value}" for key, value in numbers.items()) or "as it is", of_trained(trained)

    return Method(name, fit, reads, inside=lambda job: count_settings(job, ours))


def of_trained(trained: Trained) -> Ranker:
    """A trained recipe as a ranker."""
    return by_factors(trained.user_embeddings, lambda features: embed_all(trained.mamex, features))


def _paper(job: Job) -> Tried:
    yield "as published", of_trained(train_paper(job, PaperNumbers()))


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        thaw(OURS),
        thaw("thaw: uniform gates", router_rate="0", gate_rate="0", gate_start="1"),
        thaw("thaw: uniform routers", router_rate="0"),
        thaw("thaw: no heads", head_rate="0"),
        thaw("thaw: the teacher's factors alone", width="64", likeness="0"),
        thaw("thaw: no picture", reads=("text", "title", "sentences", "words", "phrases", "attributes")),
        thaw("thaw: no attributes", reads=("image", "text", "title", "sentences", "words", "phrases")),
        thaw("thaw: no words or phrases", reads=("image", "text", "title", "sentences", "attributes")),
        thaw("thaw: whole text and picture", reads=STANDARD),
        thaw("thaw: one expert", reads=("text",)),
        Method("paper", _paper, STANDARD),
        Method("random", fit_chance),
        Method("mean profile", fit_mean_profile),
        Method("best match in the history", fit_best_match),
        Method("content kNN", fit_content_knn),
        Method("per-user ridge", fit_user_ridge),
        Method("MLP of as many weights", fit_mlp),
        *TO_FACTORS,
        *SUM_OF_MODALITIES,
        *ALL_WAYS,
    )
}


def choose_methods(names: Sequence[str]) -> list[Method]:
    """
    Methods by name; a name that ends with * stands for all that begin so.

    Raises:
        BadConfig: there is none of a name, or no name.
    """
    chosen: dict[str, Method] = {}
    for name in names:
        found = [key for key in METHODS if key == name or (name.endswith("*") and key.startswith(name[:-1]))]
        if not found:
            raise BadConfig(f"there is no method {name!r}: choose among {', '.join(METHODS)}")
        chosen.update({key: METHODS[key] for key in found})
    if not chosen:
        raise BadConfig(f"name one method or more, of {', '.join(METHODS)}")
    return list(chosen.values())
