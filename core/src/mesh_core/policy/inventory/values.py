"""YAML as Ansible reads it -> plain data, and back: safe, with Ansible's own tags kept as they are and never opened.

Aliases and merge keys are read as long as they do not swell: MAX_NODES is what a text may come to, written out.
"""

from __future__ import annotations

from typing import Any

import yaml

from mesh_core.models.config_file import not_yaml
from mesh_core.models.yaml_loader import SafeLoader, check_depth

MAX_NODES = 200_000
VAULT_FILE = b"$ANSIBLE_VAULT;"
_TEXT = "tag:yaml.org,2002:str"
_VAULT_TAGS = ("!vault", "!vault-encrypted")


class Unreadable(ValueError):
    """The text cannot be read; the sentence begins with its file, and its line where one is known."""


class TaggedText(str):
    """A text under `!vault` or `!unsafe`, unread; `where` is its file and line."""

    tag: str
    where: str

    def __new__(cls, text: str, tag: str, where: str) -> TaggedText:
        made = super().__new__(cls, text)
        made.tag, made.where = tag, where
        return made

    @property
    def sealed(self) -> bool:
        return self.tag in _VAULT_TAGS


class YamlText:
    """One document, as nodes that know their lines; `source` is what people call it.

    Unreadable: not UTF-8, not YAML, several documents, too large.
    """

    def __init__(self, raw: bytes, source: str) -> None:
        self.source = source
        if raw.startswith(VAULT_FILE):
            raise Unreadable(
                f"{source}, line 1: the file is encrypted with ansible-vault, which is not opened here; move what a "
                "run needs into a plain file and take this one out of the folder, or decrypt it (ansible-vault decrypt)"
            )
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise Unreadable(f"{source}, line {line}: not UTF-8; save the file as UTF-8") from None
        try:
            check_depth(text)
            self._loader = _Loader(text)
            self._loader.source = source
            self.root: yaml.Node | None = self._loader.get_single_node()
            if self.root is not None and _size(self.root) > MAX_NODES:
                raise Unreadable(f"{source}: its aliases come to more than {MAX_NODES} entries; write them out")
        except yaml.YAMLError as error:
            raise Unreadable(self._in_words(error)) from None
        except RecursionError:
            raise Unreadable(f"{source}: nested too deeply, or an alias within itself") from None

    def pairs(self, node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
        """Of a mapping, merged ones too; of a key that is there twice the last one, as in Ansible. Unreadable."""
        if not isinstance(node, yaml.MappingNode):
            raise Unreadable(f"{self.where(node)}: it should be a mapping (NAME: ...)")
        try:
            self._loader.flatten_mapping(node)
        except yaml.YAMLError as error:
            raise Unreadable(self._in_words(error)) from None
        last = {(key.tag, str(key.value)): (key, value) for key, value in node.value}
        return list(last.values())

    def value(self, node: yaml.Node) -> Any:
        """Plain data. Unreadable: a tag or a value that nobody knows."""
        try:
            return self._loader.construct_object(node, deep=True)
        except yaml.YAMLError as error:
            raise Unreadable(self._in_words(error)) from None
        except (ValueError, TypeError, RecursionError) as error:  # 2024-13-45 is read as a date
            raise Unreadable(f"{self.where(node)}: {' '.join(str(error).split())[:200]}; put it in quotes") from None

    def variables(self, node: yaml.Node) -> dict[str, Any]:
        """A mapping of variables; {} for nothing. Unreadable."""
        if is_nothing(node):
            return {}
        return {str(key.value): self.value(value) for key, value in self.pairs(node)}

    def where(self, node: yaml.Node) -> str:
        return f"{self.source}, line {node.start_mark.line + 1}"

    def _in_words(self, error: yaml.YAMLError) -> str:
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        if problem is None or mark is None:
            return f"{self.source}: {not_yaml(error)}"
        said = " ".join(str(problem).split())[:200]
        return f"{self.source}, line {mark.line + 1}: not YAML ({said}); correct the line"


def is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TEXT


def dump(tree: Any) -> bytes:
    """As YAML, tags as they were, every alias written out."""
    written: bytes = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")
    return written


def sealed_in(value: Any) -> TaggedText | None:
    """The first encrypted text in it, at any depth."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, TaggedText) and one.sealed:
            return one
        todo += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return None


def _size(root: yaml.Node) -> int:
    """How many nodes it comes to with every alias written out, as far as MAX_NODES; RecursionError for a circle."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    todo: list[tuple[yaml.Node, bool]] = [(root, False)]
    while todo:
        node, closing = todo.pop()
        children = _children(node)
        if closing:
            open_nodes.discard(id(node))
            sizes[id(node)] = min(MAX_NODES + 1, 1 + sum(sizes[id(child)] for child in children))
        elif id(node) in open_nodes:
            raise RecursionError
        elif id(node) not in sizes:
            open_nodes.add(id(node))
            todo.append((node, True))
            todo += [(child, False) for child in children]
    return sizes[id(root)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


class _Loader(SafeLoader):  # type: ignore[misc]
    source = ""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _tagged(loader: _Loader, node: yaml.Node) -> TaggedText:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, f"{node.tag} on more than one text", node.start_mark)
    return TaggedText(str(node.value), str(node.tag), f"{loader.source}, line {node.start_mark.line + 1}")


for _tag in (*_VAULT_TAGS, "!unsafe"):
    _Loader.add_constructor(_tag, _tagged)
_Dumper.add_representer(
    TaggedText, lambda dumper, text: dumper.represent_scalar(text.tag, str(text), style="|" if text.sealed else '"')
)
