"""The words of what an event says in fields (policy.event_facts read them there); files of people may name them."""

from __future__ import annotations

from enum import StrEnum


class Fact(StrEnum):
    DOWN = "down"  # a process, unit or container does not run
    UNHEALTHY = "unhealthy"  # it runs, and its own check says no
    UNANSWERED = "unanswered"  # a check found nobody who answers
    WELL = "well"  # its own check says yes
    RUNNING = "running"  # its manager says that it runs
    RESTARTING = "restarting"  # somebody restarts it, makes it anew or copies it right now
    LEFT_UNDONE = "left_undone"  # an update or a migration of it ended before it was done
    WORKS = "works"  # a number says that it gets work done
    PARTLY_WELL = "partly_well"  # some of its parts are well and others are not
    STALLED = "stalled"  # numbers say that work waits for it, and that it does none
    SPINS = "spins"  # it takes one or two whole processors
    OVERDUE = "overdue"  # it runs, and what it does all the time it did long ago
    IN_USE = "in_use"  # it is at work that a restart would break off, or serves somebody
    LOOPING = "looping"  # restarted again and again already
    RESTARTED_IN_VAIN = "restarted_in_vain"  # somebody restarted it for this already, and it did not help
    GONE = "gone"  # the container does not exist: nothing to restart
    DRIFTED = "drifted"  # what runs differs from what is declared
    MISDECLARED = "misdeclared"  # what is declared is for another processor, or cannot be had
    NETWORK_GONE = "network_gone"  # the container in whose network it is does not exist any more
    STARTABLE = "startable"  # its own agent says that it does not run, it is meant to run, and nobody stopped it
    FAILED_AT_ONCE = "failed_at_once"  # its own agent says that it ended within a second of its very first start
    JUST_REPLACED = "just_replaced"  # its own agent says that its image was changed minutes before
    START_ERROR = "start_error"  # its manager could not even start it
    COMPOSE = "compose"  # it belongs to a compose project, or a field says how it is declared
    OWN = "own"  # its node's own agent says so
    KUBERNETES = "kubernetes"  # it is a pod or what Kubernetes makes pods of, which nothing of ours reaches
    SWARM = "swarm"  # it is a swarm's task: the swarm replaces what ends
    GUEST = "guest"  # it is a virtual machine, a system container or a jail
    BACKED = "backed"  # the event says what runs it
    UNFIT = "unfit"  # its exit code says that it cannot work with what it was started with
    NOT_MEANT = "not_meant"  # it is not to run: masked, scaled to none, not declared, moved away, stopped to a plan
    HELD = "held"  # a field of its own says that it rests on purpose, is worked on, or is at work
    ENDED_WELL = "ended_well"  # it ended as something does that was asked to, and its manager lets it rest
    ENDED_WITH_0 = "ended_with_0"  # it ended, and says that nothing failed
    NO_CHECK = "no_check"  # its own health check cannot be made, or asks for the wrong thing
    UNEVIDENCED = "unevidenced"  # a probe that says neither what it asked for, nor what came of it
    ONE_SHOT = "one_shot"  # it runs once, and ends by itself
    NO_ROOM = "no_room"  # a disk or its inodes are full, or it takes no writes
    EXPIRED = "expired"  # the certificate that it shows is over
    TIMER_JOB = "timer_job"  # its timer starts it at times, and it ends by itself
    MOUNT = "mount"  # what its manager speaks of is a file system that should be mounted
    RESOLVED = "resolved"  # the sender says that it is over
    FIRING = "firing"  # the alert of a monitor stands: it looked more than once
    TEST = "test"  # the sender says that it is a test
    MAINTENANCE = "maintenance"  # a declared window
    OPERATOR = "operator"  # a person did this on purpose
    OPTED_OUT = "opted_out"  # the owner's label forbids automatic restarts
    YOUNG = "young"  # it was started minutes ago, and may not be ready yet
    FINISHED = "finished"  # its exit code alone says that its end was meant: a one-shot's 0, a 143 of what was asked to
    OOM_KILLED = "oom_killed"  # ended for want of memory, whatever its exit code says
    TRANSIENT = "transient"  # first of several attempts of a check
    JUST_BOOTED = "just_booted"  # the node came up minutes ago
    EXPLAINED_BY = "explained_by"  # its sender names a cause, or what was changed before
    ATTACK = "attack"  # a monitor of security ties it to a technique of attackers
    CONFLICT = "conflict"  # the event contradicts itself
    UNREADABLE = "unreadable"  # nested deeper than anything that reports a fault
    REFUSED = "refused"  # it answers a probe, if with a fault that it finds in who asks
    FAULTY = "faulty"  # it answers a probe, with a fault of its own
    UNRESOLVED = "unresolved"  # the name that a probe looked for leads to no address
    DEPENDENCY_DOWN = "dependency_down"  # what it needs to run does not
    HARDWARE_AWAY = "hardware_away"  # a device that it works with is off, or is not there
    OF_A_DEVICE = "of_a_device"  # a field names the device that it tells of
    NEEDS_MET = "needs_met"  # what it needs, and may have lacked, is there
    IS_BACK = "is_back"  # somebody looked again, and it runs or answers
    DATA_AWAY = "data_away"  # the volume with its data is not there
    HANGS = "hangs"  # it runs, and answers or moves no more
    CUT_OFF = "cut_off"  # it lost whom it works with, who is there
    CAME_LATER = "came_later"  # what it works with came after it was started
    RENEWED = "renewed"  # the certificate on the disk is newer than the one that it shows
    NEED_TESTED = "need_tested"  # somebody asked what it needs, and that answers
    FILES_USED_UP = "files_used_up"  # it has as many files open as it may
    OVER_LIMIT = "over_limit"  # it runs, and takes more memory than the limit that its owner gave it
    HOST_AWAY = "host_away"  # its sender says that the host of what it checks is away, which it tells of by itself
    EXPORTER = "exporter"  # by its name it tells a monitor of something else
    WHOLE_NODE = "whole_node"  # no service is named
    ADDRESS = "address"  # the service's name is an address, of which nobody says what runs there
    BAD_NAME = "bad_name"  # the service's name is no name
