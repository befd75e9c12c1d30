"""Messages to the person who runs ``pulumi``: a provider's own stderr is hidden by the engine."""

from __future__ import annotations

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

LOG_SECONDS = 5


def warn(engine_address: str, message: str) -> None:
    """Show one warning; a message that can't be delivered is dropped, since the work itself goes on."""
    with grpc.insecure_channel(engine_address) as channel:
        request = engine_pb2.LogRequest(severity=engine_pb2.LogSeverity.WARNING, message=message)
        try:
            engine_pb2_grpc.EngineStub(channel).Log(request, timeout=LOG_SECONDS)
        except grpc.RpcError:
            return
