package tuning

// leastForOthers is how many descriptors at least are not for clients.
const leastForOthers = 64

// Connections gives how many client connections this process has descriptors for, if limits.connections says configured
// and files is how many files it may have open: a quarter of them, and 64 at least, are for workers, logs, long request
// bodies, static files, the control socket, and whoever comes to see what is wrong. It gives 1 at least.
func Connections(configured int, files uint64) int {
	others := max(files/4, leastForOthers)
	if files <= others {
		return 1
	}
	if room := files - others; room < uint64(configured) {
		return int(room)
	}
	return configured
}
