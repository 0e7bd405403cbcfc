// Command load asks one URL over and over and compares every answer, byte for byte.
//
// With -rate it is an open loop: requests have a time at which they are due, whatever became of those before, and a
// latency counts from that time. A server that stalls is charged for every request that had to wait (coordinated
// omission). Without it, each connection asks as soon as it has its answer.
//
// It prints one line, RESULT and a JSON object, that the harness reads.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// options say what is asked, how often, and what must come.
type options struct {
	address     string // HOST:PORT
	uri         string
	method      string
	upload      []byte
	expect      []byte
	headers     headers
	connections int
	rate        float64 // requests per second of all connections; 0 is a closed loop
	length      time.Duration
	patience    time.Duration // how long an answer may take after the load has ended
	closes      bool          // a connection for each request
}

// headers is a flag that may be repeated.
type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }

func (h *headers) Set(line string) error {
	if !strings.Contains(line, ": ") {
		return fmt.Errorf("%q is no NAME: VALUE", line)
	}
	*h = append(*h, line)
	return nil
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	found, err := json.Marshal(run(o))
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	fmt.Printf("RESULT %s\n", found)
}

// parse reads the command line and the file of the expected body.
func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.IntVar(&o.connections, "connections", 32, "connections")
	flags.Float64Var(&o.rate, "rate", 0, "requests per second; 0: each connection as fast as it is answered")
	flags.DurationVar(&o.length, "length", time.Second, "how long requests are made")
	flags.DurationVar(&o.patience, "patience", 2*time.Second, "how long the last answers may take")
	flags.BoolVar(&o.closes, "closes", false, "a connection for each request")
	flags.Var(&o.headers, "header", "NAME: VALUE, may be repeated")
	size := flags.Int("upload", 0, "bytes of a POST's body; 0 is a GET")
	expect := flags.String("expect", "", "the file with the body of a right answer")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	rest, ok := strings.CutPrefix(flags.Arg(0), "http://")
	if flags.NArg() != 1 || !ok || o.connections < 1 || o.rate < 0 || o.length <= 0 {
		return o, fmt.Errorf("usage: load [flags] http://HOST:PORT/PATH")
	}
	address, path, _ := strings.Cut(rest, "/")
	o.address, o.uri, o.method = address, "/"+path, "GET"
	if *size > 0 {
		o.method, o.upload = "POST", []byte(strings.Repeat("x", *size))
	}
	var err error
	o.expect, err = os.ReadFile(*expect)
	return o, err
}
