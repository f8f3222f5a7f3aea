"""Where the dev server keeps the private halves of device keys."""

from functions.store.device_keys import NotHeld, PrivateKey


class KeysInMemory:
    """They end with this process: a DynamoDB on loopback has no SSM, and moto's takes seconds."""

    def __init__(self) -> None:
        self._halves: dict[str, PrivateKey] = {}

    def get(self, id_: str, _now: int) -> PrivateKey:
        if id_ not in self._halves:
            # The tables may outlive the process that made the key.
            raise NotHeld(f"{id_} was another process's: softask keys create device")
        return self._halves[id_]

    def put(self, id_: str, private: PrivateKey) -> None:
        self._halves[id_] = private
