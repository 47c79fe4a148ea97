"""TLS with client certificates, end to end: a verdict, and certificates that end soon."""

import pytest
from tests.live.watched import watching

from etcdscope import app
from etcdscope.etcd.settings import Access, Security
from etcdscope.lab.cluster import LabSpec
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Level

pytestmark = pytest.mark.etcd


async def test_certificates_that_end_within_days_are_told() -> None:
    spec = LabSpec(version="3.5", tls=True, certificate_days=2)
    async with watching(spec) as watched:
        causes = {i.cause for i in watched.serious}
        worst = max(i.severity for i in watched.serious)

    assert causes == {"certificate-expiring"}
    assert worst is Severity.CRITICAL


async def test_check_over_tls_is_fine() -> None:
    spec = LabSpec(version="3.4", tls=True)
    async with watching(spec) as watched:
        given = watched.lab.certificates
        assert given
        security = Security(given.ca, given.cert, given.key)
        checked = await app.check(
            app.Settings(access=Access((watched.lab.endpoints[1],), security))
        )

    assert (checked.verdict.level, checked.verdict.margin) == (Level.OK, 1)
    assert len(checked.verdict.members) == 3
    assert not checked.blind_spots
