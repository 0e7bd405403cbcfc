package osproc

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotRoot is a change of user by somebody who may not.
	ErrNotRoot = errors.New("only root can become another user")
	// ErrStillPrivileged is a process that could take the rights back that it has given up.
	ErrStillPrivileged = errors.New("the rights of root could not be given up")
)

// Identity is a user with its groups, as the kernel knows it, and what the user database says about it.
type Identity struct {
	UID, GID   int
	Groups     []int  // supplementary; GID is among them
	Name, Home string // empty when the database does not know the user
}

// LookupIdentity finds a user and a group by name or number; an empty group is the user's own. A number that the user
// database does not know needs a group. It reads the database and so may block.
func LookupIdentity(userText, groupText string) (Identity, error) {
	var id Identity
	known, err := lookupUser(userText)
	if known == nil {
		id.UID, id.GID, err = unknownUser(userText, groupText, err)
	} else {
		id.Name, id.Home = known.Username, known.HomeDir
		id.UID, id.GID, id.Groups, err = numbersOf(known)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("user %q: %w", userText, err)
	}
	if groupText != "" {
		if id.GID, err = lookupGroup(groupText); err != nil {
			return Identity{}, fmt.Errorf("group %q: %w", groupText, err)
		}
	}
	if !slices.Contains(id.Groups, id.GID) {
		id.Groups = append(id.Groups, id.GID)
	}
	return id, nil
}

func lookupUser(text string) (*user.User, error) {
	known, err := user.Lookup(text)
	if err == nil {
		return known, nil
	}
	if byID, idErr := user.LookupId(text); idErr == nil {
		return byID, nil
	}
	return nil, err
}

// unknownUser makes do with numbers.
func unknownUser(userText, groupText string, why error) (uid, gid int, err error) {
	n, err := strconv.ParseUint(userText, 10, 31)
	if err != nil {
		return 0, 0, why
	}
	if groupText == "" {
		return 0, 0, errors.New("not in the user database, so process.group is needed too")
	}
	return int(n), 0, nil
}

func numbersOf(u *user.User) (uid, gid int, groups []int, err error) {
	texts, err := u.GroupIds()
	if err != nil {
		return 0, 0, nil, err
	}
	numbers := make([]int, 2, 2+len(texts))
	for i, text := range append([]string{u.Uid, u.Gid}, texts...) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, 0, nil, err
		}
		if i < 2 {
			numbers[i] = n
		} else {
			numbers = append(numbers, n)
		}
	}
	return numbers[0], numbers[1], numbers[2:], nil
}

func lookupGroup(text string) (int, error) {
	if group, err := user.LookupGroup(text); err == nil {
		return strconv.Atoi(group.Gid)
	} else if n, numberErr := strconv.ParseUint(text, 10, 31); numberErr == nil {
		return int(n), nil
	} else {
		return 0, err
	}
}

// Assume makes every thread of this process the user, with these groups and no others, for good: real, effective and
// saved ids change, and with root's all capabilities go. A process that is the user already keeps the groups that it
// was started with. What the process has opened stays open.
func (id Identity) Assume() error {
	if os.Geteuid() == id.UID && os.Getuid() == id.UID && os.Getegid() == id.GID {
		return nil
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	// In this order: each of them needs what the next gives up. Package syscall changes all threads.
	if err := syscall.Setgroups(id.Groups); err != nil {
		return fmt.Errorf("set the supplementary groups: %w", err)
	}
	if err := syscall.Setresgid(id.GID, id.GID, id.GID); err != nil {
		return fmt.Errorf("set the group: %w", err)
	}
	if err := syscall.Setresuid(id.UID, id.UID, id.UID); err != nil {
		return fmt.Errorf("set the user: %w", err)
	}
	if id.UID != 0 && (syscall.Setuid(0) == nil || syscall.Setgid(0) == nil && id.GID != 0) {
		return ErrStillPrivileged
	}
	// The kernel hides /proc/self from a process that has changed its user, ours included (PR_SET_DUMPABLE in prctl(2)).
	// Nothing of root's is left in this memory that is worth the trouble.
	return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
}

// ForbidNewPrivileges keeps everything that this process starts from getting more rights than it has, for good
// (PR_SET_NO_NEW_PRIVS in prctl(2)).
func ForbidNewPrivileges() error {
	if _, _, errno := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("set no_new_privs: %w", errno)
	}
	return nil
}
