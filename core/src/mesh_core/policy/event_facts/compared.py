"""What should be beside what is, as an event brings the two together: under keys that name them, as two objects, or
part by part under a key for a difference. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeGuard

from mesh_core.models.owner_labels import bare_key

_WANTED = ("declared", "wanted", "desired", "expected", "defined", "configured", "specified", "intended", "compose")
_RUNS = ("live", "running", "actual", "current", "deployed", "effective", "observed", "container")
_ELSEWHERE_WANTED = ("déclaré", "déclarée", "deklariert", "soll", "declarado", "dichiarato", "zadeklarowane")
_ELSEWHERE_RUNS = ("réel", "réelle", "ist", "tatsächlich", "real", "reale", "effettivo", "rzeczywiste")
_WHOLE = (*_WANTED, *_ELSEWHERE_WANTED, "spec", "file")  # of a pair of objects or values, which stand beside each other
_SO = (*_RUNS, *_ELSEWHERE_RUNS, "is", "now", "found", "real", "inspect", "engine")
_DIFFERENCES = re.compile(
    r"(?:config|container|image)?(?:diff|differs|drift|drifted|differences?|deviations?|mismatch(?:es)?)"
)
# Other things have what is wanted and what is so as well: `actual_temperature`.
OF_A_CONTAINER = re.compile(
    r"image|tags?|ports?|publishedports?|env(?:ironment)?|volumes?|mounts?|binds|labels|networks?|command|entrypoint"
    r"|restart(?:policy)?|devices?|capadd|caps|memlimit|networkmode"
)
_A_PART = re.compile(rf"{OF_A_CONTAINER.pattern}|confighash")
_DECLARED_ALONE = re.compile(r"version|user|hostname")  # of other things, too, but where it is called declared
_IMAGE = re.compile(r"[a-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)+:[\w.-]+")  # with what it is of: `web:80` is a port
# Of an image that should run and one that does, by a word of the key: `image_have`, `imagem no compose`, `实际`.
_IMAGE_WANTED = frozenset(
    {
        *(*_WHOLE, "want", "declares", "manifest", "git", "declaration", "attendu", "attendue", "voulu", "gewünscht"),
        *("deklaration", "declarada", "deseado", "deseada", "esperado", "esperada", "dichiarata", "atteso", "attesa"),
        *("zadeklarowany", "oczekiwany", "gedeclareerd", "verwacht", "объявлен", "объявлено", "ожидается"),
        *("清单", "声明", "期望", "宣言", "期待", "定義", "定义"),
    }
) - {"file"}
_IMAGE_RUNS = frozenset(
    {
        *(*_RUNS, *_ELSEWHERE_RUNS, "have", "runs", "inspect", "actuel", "actuelle", "laufend", "läuft", "aktuell"),
        *("exécution", "ejecución", "corriendo", "esecuzione", "attuale", "execução", "atual", "rodando", "działa"),
        *("uruchomiony", "draait", "huidig", "фактически", "работает", "запущен", "config"),
        *("实际", "运行", "运行中", "実行中", "実際", "現在", "现在"),
    }
)
_IMAGE_IN_IT = re.compile(rf"(?<![\w/.:-]){_IMAGE.pattern}")
_SAME = {"environment": "env", "restartpolicy": "restart", "publishedports": "ports", "binds": "volumes"}


def pairs_in(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(which part, what should be, what is), of all that the event compares; they may be equal."""
    wanted, runs, bare = dict[str, Any](), dict[str, Any](), dict[str, Any]()
    for key, value in payload.items():
        part, side = _side_of(str(key)[:100])
        {"wanted": wanted, "runs": runs, "": bare}[side][part] = value
    yield from ((part, value, runs[part]) for part, value in wanted.items() if part in runs)
    yield from ((part, value, bare[part]) for part, value in wanted.items() if part in bare and part not in runs)
    yield from _of_objects(payload)
    for key, value in payload.items():
        if is_mapping(value) and _A_PART.fullmatch(bare_key(key)):  # `{"ports": {"desired": [...], "current": []}}`
            pairs = _beside(value)  # of two objects drift.py compares what both have
            yield from ((key, *pair) for pair in pairs if not all(map(is_mapping, pair)))
        if is_mapping(value) and _DIFFERENCES.fullmatch(bare_key(key)):
            yield from ((name, *pair) for name, part in value.items() if is_mapping(part) for pair in _beside(part))


@lru_cache(maxsize=4096)
def _side_of(key: str) -> tuple[str, str]:
    """(which part of a container, of which side): `declared_ports`, `portsActual`; '' for a part without a side."""
    folded = bare_key(key)
    for side, words in (("wanted", _WANTED), ("runs", _RUNS)):
        for word in words:
            for part in (folded.removeprefix(word), folded.removesuffix(word)):
                if part != folded and _is_part(part, word):
                    return _SAME.get(part, part), side
    is_part = OF_A_CONTAINER.fullmatch(folded) is not None and folded != "image"  # of images drift.py sees the tag
    return (_SAME.get(folded, folded) if is_part else "", "")


def _is_part(part: str, word: str) -> bool:
    if OF_A_CONTAINER.fullmatch(part):
        return True
    return word in ("declared", *_RUNS) and _DECLARED_ALONE.fullmatch(part) is not None


def _of_objects(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """`{"desired": {"image": ...}, "current": {"image": ...}}`, of parts of a container alone, or two images."""
    images = {bare_key(key): value for key, value in payload.items() if _is_image(value)}
    yield from (("image", *pair) for pair in (*_beside(images), *_images(payload)))
    told = {bare_key(key): value for key, value in payload.items() if is_mapping(value)}
    for wanted in (told[word] for word in _WHOLE if word in told):
        for runs in (told[word] for word in (*_RUNS, *_ELSEWHERE_RUNS) if word in told):
            yield from (
                (key, value, runs[key])
                for key, value in wanted.items()
                if key in runs and OF_A_CONTAINER.fullmatch(bare_key(key))
            )


def _is_image(value: Any) -> bool:
    return isinstance(value, str) and _IMAGE.fullmatch(value[:300]) is not None


def _images(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each pair that is of one program: it may have moved to another registry, but is called alike."""
    told = {_words(key): found[0] for key, value in payload.items() if len(found := _images_in(value)) == 1}
    wanted = [image for words, image in told.items() if words & _IMAGE_WANTED and not words & _IMAGE_RUNS]
    runs = [image for words, image in told.items() if words & _IMAGE_RUNS and not words & _IMAGE_WANTED]
    yield from ((one, other) for one in wanted for other in runs if _program_of(one) == _program_of(other))


def _words(key: object) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]+", str(key).lower()[:100]))


def _images_in(value: Any) -> Sequence[str]:
    return _IMAGE_IN_IT.findall(value[:300]) if isinstance(value, str) else ()


def _program_of(image: str) -> str:
    return image.rpartition(":")[0].rpartition("/")[2]


def _beside(part: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    told = {bare_key(key): value for key, value in part.items()}
    yield from ((told[one], told[other]) for one in _WHOLE if one in told for other in _SO if other in told)


def is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
