# SPDX-License-Identifier: Apache-2.0
"""Every operation. Made from docs/openapi.json by script/openapi; never edited."""

from legato.client.generated.of_api_keys import ApiKeysOperations
from legato.client.generated.of_approvals import ApprovalsOperations
from legato.client.generated.of_audit import AuditOperations
from legato.client.generated.of_auth import AuthOperations
from legato.client.generated.of_credentials import CredentialsOperations
from legato.client.generated.of_dag_studio import DagStudioOperations
from legato.client.generated.of_documents import DocumentsOperations
from legato.client.generated.of_executions import ExecutionsOperations
from legato.client.generated.of_files import FilesOperations
from legato.client.generated.of_health import HealthOperations
from legato.client.generated.of_invitations import InvitationsOperations
from legato.client.generated.of_members import MembersOperations
from legato.client.generated.of_metrics import MetricsOperations
from legato.client.generated.of_node_types import NodeTypesOperations
from legato.client.generated.of_notifications import NotificationsOperations
from legato.client.generated.of_pins import PinsOperations
from legato.client.generated.of_preferences import PreferencesOperations
from legato.client.generated.of_preview import PreviewOperations
from legato.client.generated.of_schedules import SchedulesOperations
from legato.client.generated.of_setup import SetupOperations
from legato.client.generated.of_system import SystemOperations
from legato.client.generated.of_users import UsersOperations
from legato.client.generated.of_versions import VersionsOperations
from legato.client.generated.of_webhooks import WebhooksOperations
from legato.client.generated.of_workflows import WorkflowsOperations
from legato.client.generated.of_workspaces import WorkspacesOperations


class Operations(
    ApiKeysOperations,
    ApprovalsOperations,
    AuditOperations,
    AuthOperations,
    CredentialsOperations,
    DagStudioOperations,
    DocumentsOperations,
    ExecutionsOperations,
    FilesOperations,
    HealthOperations,
    InvitationsOperations,
    MembersOperations,
    MetricsOperations,
    NodeTypesOperations,
    NotificationsOperations,
    PinsOperations,
    PreferencesOperations,
    PreviewOperations,
    SchedulesOperations,
    SetupOperations,
    SystemOperations,
    UsersOperations,
    VersionsOperations,
    WebhooksOperations,
    WorkflowsOperations,
    WorkspacesOperations,
):
    """Every operation of the API."""
