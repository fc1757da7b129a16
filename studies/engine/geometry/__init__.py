"""How the residuals of good and bad prompts lie to one another, layer by layer.

Nothing here changes a model, and no trial depends on it. scikit-learn and PaCMAP take seconds to
import, so the runner imports this room only when a job asks for it.
"""
