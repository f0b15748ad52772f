"""Which fields mean the same wherever they come from: their names in letters and digits alone, the most telling first.

Tables only. Those of other languages are in foreign_keys.py.
"""

from __future__ import annotations

LISTS = ("alerts", "events", "problems", "incidents", "notifications", "records", "items")
# Of what was looked at, well or not: each that tells how it stands is one of its own.
CHECK_LISTS = ("checks", "results", "services", "tests", "targets", "findings", "components", "conditions")
IN_TEXTS = frozenset({"message", "payload", "data", "body", "detail", "details"})  # may be JSON in a text
# What a sender puts around what it has to say; what lies in there is said of the alert itself.
WRAPPERS = frozenset(
    {*("data", "attributes", "payload", "essentials", "detail", "event", "alert", "incident", "body", "message")}
)
TAGS = frozenset({"tags", "taglist", "labels", "dimensions"})
NAMED_BY = ("name", "displayname", "title", "key", "label")
DESCRIBED = frozenset({"rule", "check", "trigger", "condition", "policy"})  # perhaps by a sentence only
# Our labels' names for what other senders call otherwise. Of mapping.node_labels and service_labels the rest is known.
LABELS = {
    "node": (
        *("hostdisplayname", "servername", "systemname", "agentname", "machinename", "machineid", "hostid"),
        *("nodelabel", "entityname", "nodename", "computername", "nasname", "affectedhost", "targethost"),
    ),
    "host": ("hostalias", "configurationitems", "resourcename"),
    "service": ("process", "daemon", "programname"),
    "address": ("ipaddress", "hostip", "hostaddress", "ipaddr"),
    "url": ("monitorurl", "targeturl", "websiteurl", "requesturl", "endpointurl", "siteurl", "applicationurl"),
}
# Who wrote a line, as a log's store marks it: without that mark a source is whoever asked or attacked.
LOGGED_BY = "_sourcehost"
# A program where the host stands beside it, and the first three where no field says a host; else it may be the
# sender's own name.
APPS = ("app", "application", "component", "appname", "applicationname")
ADDRESSES = ("url", "target", "endpoint", "instance")  # of these labels the one with a scheme is asked
# What a sender puts before one of these names: `failed_unit`, `affectedHost`.
AFFECTED = ("affected", "failed", "failing", "impacted", "monitored", "checked", "watched", "unhealthy", "crashed")
# What a check or a cluster manager looks after: a program where it is one word, else a sentence ("Mount /srv").
CHECKED = ("servicedescription", "servicedesc", "rsc")
# Where a rule says of which manager's things it is, the thing's name is one of these; and its label then.
MANAGED = {
    **dict.fromkeys(("container", "docker", "podman"), "container"),
    **dict.fromkeys(("unit", "systemd", "service", "process", "stack"), "service"),
}
IMAGE = "image"  # beside a name and one of these it is a container's
OF_A_CONTAINER = ("state", "status", "exitcode", "restartcount", "restarts", "health", "oomkilled")
KINDS_OF_THINGS = ("kind", "type", "objecttype", "resourcetype", "objectkind", "resourcekind")
# Of a list of one thing, what that is.
ONE_OF = {
    **{f"{word}s": word for word in ("container", "service", "unit", "host", "node", "server", "hostname")},
    "processes": "process",
}
# What an engine or a manager tells of with what was done beside it: `type: container, action: die`.
ACTED_ON = frozenset({*MANAGED, "pod", "image", "volume", "network", "instance", "vm", "task", "guest", "lifecycle"})
ACTIONS = ("action", "verb", "operation")
OF_A_PROJECT = frozenset({"project", "compose", "composeproject", "composefile", "stack"})
EXIT_CODES = ("exitcode", "exitstatus")
MANAGED_AS = ("resourcename", "objectname", "family")
# Names of whatever it may be: they say a host or a service where the mesh knows one that is called so.
ENDS_OF_CALLED = (
    *("name", "ident", "host", "node", "server", "device", "location", "originator", "cluster"),
    *("instance", "instanceid", "serviceid"),
)
CALLED = (
    *("device", "devicename", "system", "monitorfriendlyname", "monitorname", "friendlyname", "name"),
    *("servicedescription", "servicedesc", "family", "agent", "entity", "group", "groupname"),
    *("environment", "syslogidentifier"),
)
MONITORS = (
    *("monitorfriendlyname", "monitorname", "friendlyname", "pronounceablename", "checkname", "healthcheckname"),
    "name",
)
# Called like the program that it looks at, where its text says so of that.
CHECKS = ("check", "checkname", "monitor", "monitorname", "test", "testname", "probe", "probename")
BESIDE_AN_ADDRESS = (*MONITORS, "alias", "label")
RULES = (
    *("alertname", "alarmname", "rulename", "alertrule", "rule", "policyname", "triggername", "trigger", "scenario"),
    *("problemname", "problem", "checkname", "check", "servicedescription", "servicedesc", "sensorname", "sensor"),
    *("conditionname", "condition", "alert", "alarm", "monitorfriendlyname", "monitorname", "monitor", "eventname"),
    *("eventdefinitiontitle", "alertconditionnames", "class", "issue", "fault", "finding", "violation"),
    "trapname",
)
CAUSES = (
    *("cause", "reason", "failurereason", "error", "errors", "errormessage", "checkerrormessage", "alertdetails"),
    "details",
)
# What a probe says of itself; whether somebody knows of it or has silenced it is no part of that.
OF_A_PROBE = frozenset(
    {
        *("url", "monitorurl", "targeturl", "target", "endpoint", "method", "httpmethod", "type", "name", "port"),
        *("status", "state", "statuscode", "httpstatus", "responsecode", "laststatus", "responsetime", "down"),
        *(*CAUSES, "timeout", "retries", "attempts"),
    }
)
# What kind of thing is told, where no rule is named.
KINDS_OF_RULE = (
    *("detailtype", "failuretype", "alerttype", "notifytype", "eventtype", "event", "jobname", "job", "operationname"),
    *("mainoperation", "scripttype", "verb", "type", "kind", "automation", "friendlyname", "name"),
)
_OF_ALERTS = ("alerttitle", "problemtitle", "incidenttitle", "eventtitle")
OWN_HEADLINES = (*_OF_ALERTS, "title", "headline", "summary")  # no mail's subject: anybody may write one
HEADLINES = ("title", "subject", "summary", "headline", *_OF_ALERTS)  # what stands above a text
TITLES = (
    *(*HEADLINES, "message", "msg", "text", "content", "body", "name"),
    *("logmessage", "logmsg"),
    *("description", "desc", "output", "serviceoutput", "hostoutput", "status", "state"),
)
# What stands below a title, by how its key ends.
TEXTS = ("message", "msg", "text", "content", "body", "description", "detail", "details", "note", "notes")
TOLD_OF_A_CHECK = (*TEXTS, "desc", "output", "summary", "error")
ENTITIES = ("impactedentity", "affectedentity", "entity", "object")  # `process 'web' on host nas`
ENDS_OF_TITLES = ("message", "title", "summary", "subject", "description", "condition", "conditions", "error")
# Which of several things of one host: the end of one is none of another.
THINGS = (
    *("jobid", "job", "backupname", "plan", "datastore", "repository", "pool", "volume", "mountpoint", "mount"),
    *("disk", "device", "devicename", "interface", "chart", "sensor", "camera", "entityid", "image", "alert"),
)
LOG_LEVEL = "loglevel"
URGENCY = "urgency"  # how soon somebody is to hear of it: what is not urgent is trouble as well
SEVERITIES = (
    *("severity", "severitylabel", "eventseverity", "alertseverity", "level", "alertlevel", LOG_LEVEL, "priority"),
    *("importance", "criticality", URGENCY, "triggertype", "servicestate", "hoststate"),
)
ENDS_OF_SEVERITIES = ("severity", "severitytext", "severityname", "severitylabel")
NO_SEVERITIES = ("syslog", "min", "max", "old", "prev", "last", "former")
SYSLOGS_NUMBER = ("syslogseverity", "syslogpriority", "syslogseveritycode")
SYSLOGS = ("syslogseveritytext", "syslogprioritytext", "syslogseverity", "syslogpriority")  # in words
SYSLOGS_INFORMATION = frozenset({"5", "6", "7", "notice", "info", "debug"})
# What was done about others, and for how long: mail, addresses, requests. Whoever tells it did what he is for.
TURNED_AWAY = frozenset({"ban", "banned", "block", "blocked", "drop", "dropped", "reject", "rejected", "greylist"})
BANNED_FOR = ("bantime", "banduration")
CLIENTS = frozenset({"client", "session", "visitor", "guest"})
COME_AND_GO = frozenset({"connect", "connected", "disconnect", "disconnected", "joined", "left"})
# Of a kind's last word: things took their course. Of an alert or an incident it is no information that there is one.
COURSE = frozenset(
    {
        *("start", "started", "startup", "finished", "completed", "updated", "applied", "published", "downloaded"),
        *("uploaded", "imported", "exported", "installed", "upgraded", "added", "ended", "end"),
    }
)
NO_COURSE = frozenset({"alert", "alarm", "incident", "problem", "outage", "issue", "failover", "failure", "error"})
UPDATES = frozenset({"update", "updates", "upgrade", "upgrades"})
# That there is something newer: yes, or how many.
UPDATE_AVAILABLE = ("updateavailable", "updatesavailable", "availableupdates", "hasupdate", "hasupdates", "newversion")
# The newest that there is, and the one in use.
NEWEST_VERSIONS = ("latestversion", "remoteversion", "availableversion", "newestversion", "remotevalue")
VERSIONS_IN_USE = (
    *("deployedversion", "installedversion", "currentversion", "localversion", "runningversion", "version"),
    "localvalue",
)
MAY_BE_SYSLOGS_NUMBER = ("priority", "severity", "level")
BESIDE_SYSLOGS_NUMBER = frozenset({"syslogidentifier", "systemdunit", "facility", "shortmessage"})  # the last is GELF's
STATES = ("status", "state", "result", "parsedresult", "outcome", "conclusion")
KINDS = ("type", "color", "alerttype")  # of chat messages and notifications: `success`, `good`
INCIDENTS = (
    *("fingerprint", "incidentid", "incidentkey", "dedupkey", "dedupekey", "alertid", "problemid", "monitorid"),
    *("checkid", "checkuuid"),
)
TIMES = ("startsat", "startedat", "starttime", "occurredat", "time", "timestamp", "date", "createdat")
ALERTS_STATE = (  # of the alert alone, whatever else is said of the thing
    *("alertstatus", "alertstate", "eventstatus", "incidentstate", "incidentstatus", "newstatevalue", "newstate"),
    *("alertevent", "incidentevent", "alarmevent", "eventstate"),
    *("newstatus", "currentstate", "currentstatus", "monitorcondition", "monitorstatus", "checkstatus", "transition"),
    *("alerttypefriendlyname", "notificationtype", "notifytype", "eventtype", "event", "action", "eventaction"),
    *("triggertype", "servicestate", "triggerstatus", "triggerstate", "alerttransition"),
    *("actiongroup", "actiongroupname"),
)
NONE_LEFT = ("eventvalue", "triggervalue")  # how many problems: 0 is the end, where no word says how it stands
ENDED_AT = ("resolvedat", "closedat", "recoveredat", "clearedat", "restoredat")
# Beside one of these `state: closed` is said of the alert, and of no port or door.
OF_AN_INCIDENT = (
    "incidentid",
    "incidenturl",
    "issueid",
    "issueurl",
    "alertid",
    "alertconditionnames",
    "alertpolicynames",
)
OUTPUTS = ("output", "serviceoutput", "hostoutput")  # of a check: another text each time
SAY_HOW_IT_STANDS = tuple(key for key in ALERTS_STATE if key.endswith(("state", "status", "friendlyname")))
# Of a thing that a rule, a kind or a title is about: it runs, and is in trouble.
OF_THINGS_ONLY = frozenset({"running", "online"})
YES_IS_WELL = ("isresolved", "isrecovered", "recovered", "isup", "up", "success", "succeeded", "healthy")
YES_IS_UP = ("online", "reachable", "alive")  # which a monitor says of that, and others beside any trouble
NO_IS_WELL = ("firing", "isfiring", "triggered", "isdown", "failed")
# Kinds that say no more than that something is said.
SAYS_NOTHING = frozenset(
    {
        *("alert", "alarm", "event", "incident", "message", "notification", "notify", "problem", "trigger", "monitor"),
        *("triggered", "fired", "firing", "open", "opened", "new", "created", "started", "default", "object", "update"),
        *("health", "public", "private", "group"),
    }
)
# Of a thing under whose name only how it stands is said: `container: absent`, `process: alive`.
HOW_IT_STANDS = frozenset(
    {
        *("absent", "missing", "present", "active", "inactive", "failed", "running", "alive", "exited", "dead"),
        *("stopped", "started", "enabled", "disabled", "created", "crashed", "killed", "unknown", "off", "on"),
    }
)
MEASURES = frozenset({"telemetry", "metrics", "measurement", "measurements", "statistics", "stats", "readings"})
OVER_SEVERITIES = frozenset({"clear", "cleared", "ok", "resolved", "recovered"})
# Whom it speaks of beside the host: who sends or gets it, who attacks, what is referred to.
OF_OTHERS = frozenset(
    {
        *("source", "sender", "user", "receiver", "client", "attacker", "remote", "contact", "author", "target"),
        *("spf", "dkim", "dmarc"),  # whether a mail is its sender's
    }
)
SENDERS = ("source", "from")
# What tells of all hosts that are alike, `GROUPS` within a host's own part: no service there is what failed.
ROLES = frozenset({"role", "roles", "hostgroup", "hostgroups"})
GROUPS = frozenset({"group", "groups"})
HOSTS = frozenset({"host", "node", "server", "machine", "instance", "device", "agent"})
# Whose alert it is: a link there leads to the sender's own page.
PROJECTS = frozenset({"project", "account", "organization", "organisation", "team", "workspace", "repository"})
# What may be read of a part that a stranger may have filled, where it lies at the top: a mail's own line, and how bad
# its logger calls a line.
READ_OF_OTHERS = {"headers": ("subject",), "log": ("level", "severity", "loglevel")}
