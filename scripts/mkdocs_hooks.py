"""What `make docs` does beyond MkDocs: pages from outside docs/, lists of pages, links to source.

Pages are written to be read in the repository as well, where a link to a source file works. The
site holds no source files, so there such a link becomes the path of the file. The build fails if
there is no such file.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site whose source is not in docs/, by their address there."""
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace `folder/*.md` in the navigation by the pages of that folder, without its index."""
    config.nav = _expand(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    for address, source in OUTSIDE.items():
        files.append(File.generated(config, address, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links that lead out of docs/."""
    address = page.file.src_uri
    source = OUTSIDE.get(address, f"docs/{address}")

    def rewrite(match: re.Match[str]) -> str:
        text, link, anchor = match.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        for name, outside in OUTSIDE.items():
            if target == outside:
                target = f"docs/{name}"
        inside = target.removeprefix("docs/")
        if inside != target:
            start = posixpath.dirname(address) or "."
            return f"[{text}]({posixpath.relpath(inside, start)}{anchor or ''})"
        if not (ROOT / target).exists():
            raise PluginError(f"{source} links to {target}, which does not exist; correct the link")
        return text if target in text else f"{text} (`{target}`)"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(rewrite, part) for part in parts)


def _expand(nav: Any, docs: Path) -> Any:
    if isinstance(nav, dict):
        return {title: _expand(entry, docs) for title, entry in nav.items()}
    if not isinstance(nav, list):
        return nav
    expanded: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and entry.endswith("*.md"):
            pages = sorted(path for path in docs.glob(entry) if path.name != "index.md")
            expanded += [path.relative_to(docs).as_posix() for path in pages]
        else:
            expanded.append(_expand(entry, docs))
    return expanded
