import subprocess
import sys


def test_the_web_process_starts_without_torch():
    script = (
        "import heretic_web.asgi, heretic_web.urls, sys;"
        "print({'torch', 'transformers', 'datasets', 'lm_eval', 'evaluate', 'sklearn', 'numba',"
        " 'pacmap'} & set(sys.modules))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "set()"
