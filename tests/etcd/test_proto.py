from tools.compile_proto import COMPILED, compiled

from etcdscope.etcd.proto import message, method


def test_the_compiled_interface_is_that_of_the_sources() -> None:
    assert COMPILED.read_bytes() == compiled()


def test_methods_carry_etcds_names() -> None:
    status = method("Maintenance", "Status")

    assert status.path == "/etcdserverpb.Maintenance/Status"
    assert status.request is message("StatusRequest")
    assert status.answer is message("StatusResponse")


def test_another_etcd_client_may_live_in_the_same_process() -> None:
    from google.protobuf import descriptor_pool  # noqa: PLC0415

    names = descriptor_pool.Default()
    try:
        names.FindMessageTypeByName("etcdserverpb.StatusResponse")
    except KeyError:
        return
    raise AssertionError
