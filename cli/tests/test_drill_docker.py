"""mend drill on a real container. On its own, because the engine is one for the whole machine."""

from __future__ import annotations

import re
from pathlib import Path

from drill_rig import drilling, finished, output
from parts.engine import Engine


async def test_with_docker_the_container_is_restarted_and_removed_afterwards(
    tmp_path: Path, engine: Engine, base_image: str
) -> None:
    words = ("--yes", "--runtime", "docker", "--image", base_image)
    async with drilling(tmp_path, *words, DOCKER_HOST=engine.host) as process:
        assert await finished(process) == 0, output(tmp_path)
    text = output(tmp_path)
    assert "--yes was given" in text
    assert "container_restart" in text
    [name] = set(re.findall(r"mend-drill-[0-9a-f]{6}(?= )", text))
    assert name not in engine.docker("ps", "-a", "--format", "{{.Names}}")
