package osproc

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// CPUs is how many CPUs this process may use: as many as it had the affinity for at its start, or fewer where the quota
// of a control group, its own or one around it, gives less than that. Part of a CPU counts as one. Of versions 1 and 2
// it reads what is mounted; what cannot be read limits nothing. The runtime's own number (runtime.GOMAXPROCS) is never
// below 2 for a quota, and does not know of outer groups.
func CPUs() int { return within(os.DirFS("/"), runtime.NumCPU()) }

// within is CPUs for a process that sees a file system and has so many CPUs.
func within(system fs.FS, cpus int) int {
	for _, h := range cpuHierarchies(system) {
		for dir := h.dir; ; dir = path.Dir(dir) {
			if n := h.quota(system, dir); n > 0 {
				cpus = min(cpus, n)
			}
			if dir == h.mount || dir == "." {
				break
			}
		}
	}
	return max(cpus, 1)
}

// hierarchy is where a tree of control groups that limit the CPU is mounted, and which directory there is the process's.
type hierarchy struct {
	mount, dir string // without the leading slash, as io/fs wants it
	quota      func(system fs.FS, dir string) int
}

// cpuHierarchies finds them by proc_pid_mountinfo(5) and cgroups(7).
func cpuHierarchies(system fs.FS) (found []hierarchy) {
	groups := cpuGroups(system)
	mounts, _ := fs.ReadFile(system, "proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) < 3 {
			continue
		}
		quota, controller := quota2, ""
		switch {
		case kind[0] == "cgroup" && names(kind[2], "cpu"):
			quota, controller = quota1, "cpu"
		case kind[0] != "cgroup2":
			continue
		}
		group, known := groups[controller]
		if !known {
			continue
		}
		mount := strings.TrimPrefix(unescape.Replace(fields[4]), "/")
		found = append(found, hierarchy{mount, path.Join(mount, below(group, unescape.Replace(fields[3]))), quota})
	}
	return found
}

// cpuGroups gives the process's group in version 2 under "", and the one of version 1 that limits the CPU under "cpu".
func cpuGroups(system fs.FS) map[string]string {
	groups := map[string]string{}
	text, _ := fs.ReadFile(system, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[0] == "0" && fields[1] == "":
			groups[""] = fields[2]
		case names(fields[1], "cpu"):
			groups["cpu"] = fields[2]
		}
	}
	return groups
}

// names tells whether a word is in a list with commas.
func names(list, word string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == word {
			return true
		}
	}
	return false
}

// below gives where a group is below a mount of which root is the topmost group. A group that is not seen there, as in
// a container that has only its own group mounted, is the topmost.
func below(group, root string) string {
	if root == "/" {
		root = ""
	}
	rest, inside := strings.CutPrefix(group, root)
	if !inside || strings.Contains(group+"/", "/../") || rest != "" && rest[0] != '/' {
		return ""
	}
	return rest
}

// unescape undoes what the kernel does to blanks in paths.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`)

// quota2 reads cpu.max: the quota or "max", and the period. 0 is no limit.
func quota2(system fs.FS, dir string) int {
	text, _ := fs.ReadFile(system, path.Join(dir, "cpu.max"))
	quota, period, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return share(quota, period)
}

// quota1 is quota2 for version 1, where -1 is no limit.
func quota1(system fs.FS, dir string) int {
	quota, _ := fs.ReadFile(system, path.Join(dir, "cpu.cfs_quota_us"))
	period, _ := fs.ReadFile(system, path.Join(dir, "cpu.cfs_period_us"))
	return share(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

// share gives quota/period, rounded up, or 0 if they are no numbers above zero.
func share(quota, period string) int {
	q, err := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return int((q-1)/p) + 1
}
