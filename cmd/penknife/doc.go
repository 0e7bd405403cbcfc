// Command penknife runs Python WSGI applications behind HTTP and uwsgi listeners.
//
// The command line turns flags into settings for package configs and starts package server; everything that it
// knows about a flag comes from the table of keys there. Exit codes: 0 after a stop that was asked for, 2 for a
// configuration that cannot be used (every problem is printed), 3 for an application that does not import (its
// traceback is printed), 1 for anything else.
package main
