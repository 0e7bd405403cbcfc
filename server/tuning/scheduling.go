package tuning

import "penknife/osproc"

// Scheduling puts this process under the policy that workers.cpu_scheduling names: auto begins with SCHED_BATCH. Every thread
// and process that is started later inherits it. A policy other than the system's normal one was chosen by whoever started us,
// and is kept. The error says that the policy stays as it was, for some threads at least. It needs no privilege;
// the figures are in docs/decisions/0009-batch-scheduling.md.
func Scheduling(policy string) error {
	if policy == "other" {
		return nil
	}
	return osproc.SetOwnPolicy(osproc.Batch)
}
