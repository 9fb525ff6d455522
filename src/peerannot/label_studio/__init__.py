"""Label Studio, live: its answers come here, and what is known of them goes back."""

from peerannot.label_studio.client import Client, server_url
from peerannot.label_studio.mirror import HOME, Mirror
from peerannot.label_studio.project import Project, read_project
from peerannot.label_studio.pulling import Pulled, pull
from peerannot.label_studio.pushing import Pushed, Wanted, push, serve_by_score, show_scores, wanted
from peerannot.label_studio.token import find_token
from peerannot.label_studio.tool import LabelStudio
from peerannot.label_studio.webhook import listening, place_of

__all__ = [
    "HOME",
    "Client",
    "LabelStudio",
    "Mirror",
    "Project",
    "Pulled",
    "Pushed",
    "Wanted",
    "find_token",
    "listening",
    "place_of",
    "pull",
    "push",
    "read_project",
    "serve_by_score",
    "server_url",
    "show_scores",
    "wanted",
]
