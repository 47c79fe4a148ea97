"""Members that are small servers: they answer Status and MemberList, and nothing else."""

from tests.etcd.servers import status_answer

from etcdscope.etcd.proto import Message, method


class Member:
    """A member that tells the list that it is told to."""

    def __init__(self, number: int) -> None:
        self.header = {"member_id": number, "cluster_id": 0xC1}
        self.listed: list[dict[str, object]] = []
        answer = method("Cluster", "MemberList").answer

        async def members(_: Message, __: object) -> Message:
            return answer(header=self.header, members=self.listed)

        self.answers = {
            ("Cluster", "MemberList"): members,
            ("Maintenance", "Status"): status_answer(header=self.header),
        }
