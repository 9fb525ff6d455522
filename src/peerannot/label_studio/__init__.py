"""Label Studio, live: its answers come here, and what is known of them goes back."""

from peerannot.label_studio.client import Client, server_url
from peerannot.label_studio.mirror import Mirror
from peerannot.label_studio.project import Project, read_project
from peerannot.label_studio.pulling import Pulled, pull
from peerannot.label_studio.pushing import Pushed, Wanted, push, serve_by_score, wanted
from peerannot.label_studio.token import find_token

__all__ = [
    "Client",
    "Mirror",
    "Project",
    "Pulled",
    "Pushed",
    "Wanted",
    "find_token",
    "pull",
    "push",
    "read_project",
    "serve_by_score",
    "server_url",
    "wanted",
]
