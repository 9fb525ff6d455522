"""Label Studio on a loopback port, with people; run by the Python that it is installed in.

``python serve.py PORT FILE``: makes the database, an administrator and five workers, writes their
tokens to FILE, and serves until it is ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PEOPLE = ("admin", "ann", "ben", "cleo", "dan", "eve")


def main(port: int, file: Path) -> None:
    from label_studio import server

    server._setup_env()
    server._apply_database_migrations()
    from jwt_auth.models import LSAPIToken
    from organizations.models import Organization
    from users.models import User

    tokens = {}
    organization = Organization.objects.first()
    for name in PEOPLE:
        user = User.objects.filter(email=f"{name}@example.org").first()
        if user is None:
            user = User.objects.create_user(
                email=f"{name}@example.org", password="good-enough-8",
                first_name=name.capitalize() if name != "dan" else "",
                last_name="Example" if name != "dan" else "",
            )  # fmt: skip
        if organization is None:
            user.is_staff = user.is_superuser = True
            organization = Organization.create_organization(
                created_by=user, title="Label Studio", legacy_api_tokens_enabled=False
            )
        elif name != PEOPLE[0]:
            organization.add_user(user)
        user.active_organization = organization
        user.save()
        tokens[name] = {
            "id": user.id,
            "jwt": LSAPIToken.for_user(user).get_full_jwt(),
            "legacy": user.auth_token.key,
        }
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(tokens))
    unfinished.replace(file)
    server._app_run("127.0.0.1", port)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
