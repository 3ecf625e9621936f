"""The methods that are compared, by name: `thaw`, what is taken away from it, `paper`, and the simple ones."""

from collections.abc import Mapping, Sequence

from training.baselines.chance import prepare_chance
from training.baselines.many_kernels import ALL_WAYS, SUM_OF_MODALITIES
from training.baselines.method import STANDARD, Method, Space
from training.baselines.mlp import prepare_mlp
from training.baselines.profile import prepare_best_match, prepare_content_knn, prepare_mean_profile
from training.baselines.ridge import TO_FACTORS, prepare_user_ridge
from training.config import read_numbers
from training.errors import BadConfig
from training.ranking import Ranker, by_factors
from training.recipes.embed import embed_all
from training.recipes.paper import PaperNumbers, train_paper
from training.recipes.thaw import count_settings, train_thaw
from training.recipes.thaw_numbers import ThawNumbers
from training.recipes.trained import Job, Trained

OURS = "thaw"


def thaw(name: str, *, reads: tuple[str, ...] = (), leaves_out: tuple[str, ...] = (), **numbers: str) -> Method:
    """The recipe, some numbers fixed."""

    ours = read_numbers(ThawNumbers, numbers)

    def prepare(job: Job) -> Space:
        return Space(lambda _: of_trained(train_thaw(job, ours)))

    less = bool(reads or leaves_out)
    return Method(name, prepare, reads, leaves_out, takes_away=less, inside=lambda job: count_settings(job, ours))


def of_trained(trained: Trained) -> Ranker:
    """A trained recipe as a ranker."""
    return by_factors(trained.user_embeddings, lambda features: embed_all(trained.mamex, features))


def _paper(job: Job) -> Space:
    """As published."""
    return Space(lambda _: of_trained(train_paper(job, PaperNumbers())))


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        thaw(OURS),
        thaw("thaw: uniform gates", router_rate="0", gate_rate="0", gate_start="1"),
        thaw("thaw: uniform routers", router_rate="0"),
        thaw("thaw: no heads", head_rate="0"),
        thaw("thaw: the teacher's factors alone", width="64", likeness="0"),
        thaw("thaw: no picture", leaves_out=("image",)),
        thaw("thaw: no attributes", leaves_out=("attributes",)),
        thaw("thaw: no words or phrases", leaves_out=("words", "phrases")),
        thaw("thaw: whole text and picture", reads=STANDARD),
        thaw("thaw: one expert", reads=("text",)),
        Method("paper", _paper, STANDARD),
        Method("random", prepare_chance),
        Method("mean profile", prepare_mean_profile),
        Method("best match in the history", prepare_best_match),
        Method("content kNN", prepare_content_knn),
        Method("per-user ridge", prepare_user_ridge),
        Method("MLP of as many weights", prepare_mlp),
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
