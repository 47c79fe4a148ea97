"""The faults that a lab can inject, by name."""

from collections.abc import Mapping
from typing import Final

from etcdscope.lab import (
    faults_clients,
    faults_data,
    faults_delay,
    faults_files,
    faults_host,
    faults_identity,
    faults_machine,
    faults_membership,
    faults_network,
    faults_process,
    faults_space,
)
from etcdscope.lab.injection import FaultKind

FAMILIES: Final = (
    faults_process,
    faults_network,
    faults_delay,
    faults_machine,
    faults_space,
    faults_membership,
    faults_files,
    faults_identity,
    faults_clients,
    faults_data,
    faults_host,
)
FAULTS: Final[Mapping[str, FaultKind]] = {
    kind.name: kind for family in FAMILIES for kind in family.KINDS
}
