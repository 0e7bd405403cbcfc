package encryption

import "penknife/configs"

// Prepare reads the files that a reloaded configuration names, and gives a function that puts them in force. loaded comes
// from Merge: whether a listener has TLS is as at the start. The error is *configs.Problems, and then nothing has changed.
func (t *TLS) Prepare(loaded *configs.Loaded) (commit func(), err error) {
	var commits []func()
	if t.manager != nil {
		one, err := t.manager.Prepare(orderOptions(loaded.Config.ACME))
		if err != nil {
			return nil, loaded.Problem(storageKey, err)
		}
		commits = append(commits, one)
	}
	for i, store := range t.stores {
		if store == nil {
			continue
		}
		one, err := store.Prepare(certOptions(loaded.Config.HTTP[i].TLS))
		if err != nil {
			return nil, filesProblem(loaded, i, err)
		}
		commits = append(commits, one)
	}
	return func() {
		for _, commit := range commits {
			commit()
		}
	}, nil
}

// Merge puts into merged what a reload can change of the start's listeners and orders: everything but whether there is TLS.
func Merge(merged *configs.Config, start, fresh configs.Config) {
	ordering := ordersCertificates(start)
	if ordering && ordersCertificates(fresh) {
		merged.ACME = fresh.ACME
	}
	merged.HTTP = append([]configs.HTTP(nil), start.HTTP...)
	for i := range merged.HTTP {
		if i >= len(fresh.HTTP) || fresh.HTTP[i].Listen != start.HTTP[i].Listen {
			return
		}
		now, next := start.HTTP[i].TLS, fresh.HTTP[i].TLS
		if now.Enabled() && next.Enabled() && (ordering || !next.ACME) {
			merged.HTTP[i].TLS = next
		}
	}
}
