package osproc

import (
	"runtime"
	"testing"
	"testing/fstest"
)

const (
	mounted2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
	mounted1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
)

// The files are as the kernel shows them: cgroups(7), and Documentation/admin-guide/cgroup-v2.rst for cpu.max.
func TestCPUs_ObeysControlGroups(t *testing.T) {
	for name, c := range map[string]struct {
		cgroup, mountinfo string
		files             map[string]string // below sys/fs/cgroup
		want              int
	}{
		"no control groups":  {want: 8},
		"no quota":           {"0::/\n", mounted2, map[string]string{"cpu.max": "max 100000\n"}, 8},
		"one CPU":            {"0::/\n", mounted2, map[string]string{"cpu.max": "100000 100000\n"}, 1},
		"half a CPU":         {"0::/\n", mounted2, map[string]string{"cpu.max": "50000 100000\n"}, 1},
		"a little over two":  {"0::/\n", mounted2, map[string]string{"cpu.max": "210000 100000\n"}, 3},
		"another period":     {"0::/\n", mounted2, map[string]string{"cpu.max": "20000 10000\n"}, 2},
		"more than there is": {"0::/\n", mounted2, map[string]string{"cpu.max": "6400000 100000\n"}, 8},
		"nonsense":           {"0::/\n", mounted2, map[string]string{"cpu.max": "0 0\n"}, 8},
		"an inner group": {"0::/system.slice/site.service\n", mounted2,
			map[string]string{"system.slice/site.service/cpu.max": "300000 100000\n"}, 3},
		"an outer group": {"0::/system.slice/site.service\n", mounted2, map[string]string{
			"system.slice/site.service/cpu.max": "max 100000\n", "system.slice/cpu.max": "100000 100000\n"}, 1},
		"the smaller of two": {"0::/pod/one\n", mounted2,
			map[string]string{"pod/one/cpu.max": "200000 100000\n", "pod/cpu.max": "400000 100000\n"}, 2},
		"a group beside it": {"0::/pod/one\n", mounted2, map[string]string{"pod/two/cpu.max": "100000 100000\n"}, 8},
		"a container with the paths of its host": {"0::/docker/1234\n",
			"31 23 0:28 /docker/1234 /sys/fs/cgroup ro - cgroup2 cgroup rw\n", map[string]string{"cpu.max": "100000 100000\n"}, 1},
		"a mount of the container's group only, with other paths": {"0::/../1234\n", mounted2,
			map[string]string{"cpu.max": "100000 100000\n"}, 1},
		"version 1": {"4:memory:/x\n3:cpu,cpuacct:/docker/a\n0::/\n", mounted1, map[string]string{
			"cpu,cpuacct/docker/a/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n"}, 2},
		"version 1 without a quota": {"3:cpu,cpuacct:/\n", mounted1, map[string]string{
			"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 8},
		"version 1, an outer group": {"3:cpu,cpuacct:/pod/a\n", mounted1, map[string]string{
			"cpu,cpuacct/pod/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/pod/cpu.cfs_period_us": "100000\n"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			system := fstest.MapFS{
				"proc/self/cgroup":    {Data: []byte(c.cgroup)},
				"proc/self/mountinfo": {Data: []byte(c.mountinfo)},
			}
			for file, text := range c.files {
				system["sys/fs/cgroup/"+file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := within(system, 8); got != c.want {
				t.Errorf("%d CPUs, want %d", got, c.want)
			}
		})
	}
}

// On this machine, whatever limits it.
func TestCPUs_IsWithinTheAffinity(t *testing.T) {
	if n := CPUs(); n < 1 || n > runtime.NumCPU() {
		t.Errorf("%d CPUs of %d", n, runtime.NumCPU())
	}
}
