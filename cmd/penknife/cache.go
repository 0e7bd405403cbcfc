package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"penknife/configs"
	"penknife/control"
)

func (p *program) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look at the response cache of a running penknife, or remove from it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.cachePurgeCommand(), p.cacheStatsCommand())
	return cmd
}

func (p *program) cachePurgeCommand() *cobra.Command {
	var r remote
	var q control.Purge
	cmd := &cobra.Command{
		Use:   "purge (--url URL | --prefix URL | --tag TAG | --all)",
		Short: "Remove stored answers, and print how many there were",
		Long: "Remove stored answers, and print how many there were. When it returns, no worker and no listener answers with\n" +
			"them any more. URLs are written with scheme and host, as the application sees them." + remoteHelp,
		Example: "  penknife cache purge --prefix https://example.com/blog/",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if said := saidOf(q); said != 1 {
				return &usageError{"penknife cache purge: say exactly one of --url, --prefix, --tag and --all"}
			}
			return r.call(p, func(client *control.Client) error {
				purged, err := client.Purge(cmd.Context(), q)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "%d removed\n", purged.Removed)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&q.URL, "url", "", "Remove every answer for this `URL`")
	cmd.Flags().StringVar(&q.Prefix, "prefix", "", "Remove the answers for all URLs that begin with `URL`")
	cmd.Flags().StringVar(&q.Tag, "tag", "", "Remove the answers that the application gave with this `TAG` in Cache-Tag or Surrogate-Key")
	cmd.Flags().BoolVar(&q.All, "all", false, "Remove everything")
	r.addTo(cmd)
	return cmd
}

func saidOf(q control.Purge) (said int) {
	for _, is := range []bool{q.URL != "", q.Prefix != "", q.Tag != "", q.All} {
		if is {
			said++
		}
	}
	return said
}

func (p *program) cacheStatsCommand() *cobra.Command {
	var r remote
	var asJSON bool
	top := 10
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Print what the response cache holds, and what of it is used most",
		Long:  "Print what the response cache holds, and what of it is used most." + remoteHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error {
				stats, err := client.CacheStats(cmd.Context(), top)
				if err != nil {
					return err
				}
				if asJSON {
					encoder := json.NewEncoder(p.stdout)
					encoder.SetIndent("", "  ")
					return encoder.Encode(stats)
				}
				return printCacheStats(p.stdout, stats)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().IntVar(&top, "top", top, "List the `N` entries with most hits")
	r.addTo(cmd)
	return cmd
}

// printCacheStats writes statistics for people.
func printCacheStats(out io.Writer, s control.CacheStats) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d entries, %s of %s\n", s.Entries, configs.ByteSize(s.Bytes), configs.ByteSize(s.Limit))
	fmt.Fprintf(&b, "%d requests answered from the cache, %d by the application%s\n", s.Hits, s.Misses, rate(s.Hits, s.Misses))
	var removed []string
	for _, reason := range slices.Sorted(maps.Keys(s.Removed)) {
		removed = append(removed, fmt.Sprintf("%d %s", s.Removed[reason], reason))
	}
	if len(removed) > 0 {
		fmt.Fprintf(&b, "removed: %s\n", strings.Join(removed, ", "))
	}
	if r := s.Redis; r != nil {
		fmt.Fprintf(&b, "redis %s is %s since %s", r.Address, r.State, r.Since.Format(time.DateTime))
		if r.Reason != "" {
			fmt.Fprintf(&b, " (%s); %d changes wait for it", r.Reason, r.Owed)
		}
		fmt.Fprintf(&b, "; %d lookups were answered from it\n", r.Fetched)
	}
	if len(s.Top) > 0 {
		b.WriteByte('\n')
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "HITS\tRATE\tBYTES\tURL")
		for _, t := range s.Top {
			url := t.URL
			if t.Variant {
				url += " (variant)"
			}
			fmt.Fprintf(table, "%d\t%.1f %%\t%d\t%s\n", t.Hits, 100*float64(t.Hits)/float64(max(t.Hits+t.Fetches, 1)), t.Bytes, url)
		}
		_ = table.Flush() // into memory
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func rate(hits, misses uint64) string {
	if hits+misses == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f %% found)", 100*float64(hits)/float64(hits+misses))
}
