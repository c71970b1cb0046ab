"""How a service takes uploads: one line in its `app`, with the kinds that are its own."""

from collections.abc import Callable

from shared import web
from shared.runtime import Node
from shared.uploads.api import routes
from shared.uploads.columns import Kind
from shared.uploads.worker import Worker


def take_uploads(node: Node, *kinds: Kind) -> Callable[[], None]:
    """The endpoints in every process, the work where the log is read too. To be called where a file was received."""
    by_name = {kind.name: kind for kind in kinds}
    worker = Worker(node.settings.service, node.database, node.log, by_name, node.logger)
    node.app.state.uploads = worker
    web.include(node.app, routes(by_name, worker.came.set))
    if node.settings.role != "web":
        node.background["uploads"] = worker.run
    return worker.came.set
