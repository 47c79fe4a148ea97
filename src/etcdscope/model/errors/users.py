"""etcd's errors about users, roles and tokens."""

from etcdscope.model.errors.entry import KnownError
from etcdscope.model.incident import Step

_FIX_CALL = Step("Correct the call in the client; no state of the cluster will make it work.")
_USERS = Step("See the user and its roles.", "etcdctl user get USER --detail")
_ROLE = Step("See what the role may do.", "etcdctl role get ROLE")

AUTH = (
    KnownError(
        "etcdserver: root user does not exist",
        "FAILED_PRECONDITION",
        "Authentication cannot be switched on before there is a user root.",
        todo=(Step("Make it.", "etcdctl user add root && etcdctl user grant-role root root"),),
        calls=("AuthEnable",),
    ),
    KnownError(
        "etcdserver: root user does not have root role",
        "FAILED_PRECONDITION",
        "The user root lacks the role root.",
        todo=(Step("Grant it.", "etcdctl user grant-role root root"),),
        calls=("AuthEnable",),
    ),
    KnownError(
        "etcdserver: user name already exists",
        "FAILED_PRECONDITION",
        "There is such a user already.",
        ("a provisioning script ran twice",),
        todo=(Step("See the users.", "etcdctl user list"),),
        calls=("UserAdd",),
        usual=True,
    ),
    KnownError(
        "etcdserver: user name is empty",
        "INVALID_ARGUMENT",
        "Authentication is on, and the request came without a user (or a user was added without a"
        " name).",
        (
            "a client was not given --user",
            "authentication was switched on after the client started",
        ),
        ("monitor-permission-denied",),
        "a wrong password: nobody said who asks",
        (Step("Give user and password.", "etcdctl --user USER:PASSWORD get KEY"),),
    ),
    KnownError(
        "etcdserver: user name not found",
        "FAILED_PRECONDITION",
        "There is no such user.",
        ("it was deleted while its clients run", "a typing mistake"),
        todo=(Step("See the users.", "etcdctl user list"),),
    ),
    KnownError(
        "etcdserver: role name already exists",
        "FAILED_PRECONDITION",
        "There is such a role already.",
        ("a provisioning script ran twice",),
        todo=(Step("See the roles.", "etcdctl role list"),),
        calls=("RoleAdd",),
        usual=True,
    ),
    KnownError(
        "etcdserver: role name not found",
        "FAILED_PRECONDITION",
        "There is no such role.",
        todo=(Step("See the roles.", "etcdctl role list"),),
    ),
    KnownError(
        "etcdserver: role name is empty",
        "INVALID_ARGUMENT",
        "A role was added without a name.",
        todo=(_FIX_CALL,),
        calls=("RoleAdd",),
    ),
    KnownError(
        "etcdserver: authentication failed, invalid user ID or password",
        "INVALID_ARGUMENT",
        "The user or the password is wrong.",
        ("the password was changed and a client still has the old one", "a typing mistake"),
        ("auth-diverged",),
        "a permission that is missing: that is permission denied",
        (
            Step("Try the pair by hand.", "etcdctl --user USER:PASSWORD endpoint status"),
            Step(
                "If only one member refuses it, compare the members' auth revisions.",
                "etcdctl auth status",
            ),
        ),
        ("Authenticate",),
    ),
    KnownError(
        "etcdserver: permission not given",
        "INVALID_ARGUMENT",
        "A grant came without a permission.",
        todo=(_FIX_CALL,),
        calls=("RoleGrantPermission",),
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: permission denied",
        "PERMISSION_DENIED",
        "The user is known, and may not do this with this key.",
        (
            "the role lacks the key or the range; a prefix needs --prefix when it is granted",
            "Defragment, Snapshot, HashKV and MoveLeader need the role root",
        ),
        ("monitor-permission-denied", "auth-diverged"),
        "a wrong password, and no sign of a sick cluster: etcd waited for its quorum before it"
        " said no",
        (
            _USERS,
            _ROLE,
            Step("Grant what is missing.", "etcdctl role grant-permission ROLE read KEY --prefix"),
        ),
    ),
    KnownError(
        "etcdserver: role is not granted to the user",
        "FAILED_PRECONDITION",
        "A role cannot be taken away that the user does not have.",
        todo=(_USERS,),
        calls=("UserRevokeRole",),
    ),
    KnownError(
        "etcdserver: permission is not granted to the role",
        "FAILED_PRECONDITION",
        "A permission cannot be taken away that the role does not have.",
        ("the range was granted with another end",),
        todo=(_ROLE,),
        calls=("RoleRevokePermission",),
    ),
    KnownError(
        "etcdserver: authentication is not enabled",
        "FAILED_PRECONDITION",
        "A client wants to log in where authentication is off.",
        (
            "the client has --user set",
            "authentication was switched off, or the cluster was replaced",
        ),
        ("auth-off", "auth-diverged"),
        todo=(
            Step("See the state.", "etcdctl auth status"),
            Step("Drop the user from the client."),
        ),
        calls=("Authenticate", "AuthStatus"),
    ),
    KnownError(
        "etcdserver: invalid auth token",
        "UNAUTHENTICATED",
        "The token is unknown to this member, or it has ended.",
        (
            "simple tokens live five minutes after their last use, and only until a restart",
            "the client moved to a member that has not applied the login yet",
            "the clocks differ too much for JWT tokens",
        ),
        ("auth-diverged", "clock-skewed", "member-restarting"),
        "a wrong password; official clients log in again by themselves and nobody notices",
        (
            Step("Log in again; if one member alone refuses, look at its applied index."),
            Step("Prefer --auth-token=jwt where many clients log in."),
        ),
    ),
    KnownError(
        "etcdserver: invalid auth management",
        "INVALID_ARGUMENT",
        "This would break authentication itself: user or role root cannot be deleted or lose its"
        " role while authentication is on.",
        todo=(Step("Switch authentication off first.", "etcdctl --user root auth disable"),),
    ),
    KnownError(
        "etcdserver: revision of auth store is old",
        "INVALID_ARGUMENT",
        "Users or roles changed after the token was made.",
        ("an administrator changed users or roles", "a member lags behind in the auth store"),
        ("auth-diverged",),
        "a wrong password; clients log in again and go on",
        (
            Step("Log in again."),
            Step(
                "If it never ends, compare the auth revisions of the members.",
                "curl -s ENDPOINT/metrics | grep etcd_debugging_auth_revision",
            ),
        ),
        first=(3, 4, 0),
    ),
)
