// Package chaos breaks a running penknife on purpose and checks what its clients see. It has tests only. `make chaos` runs
// all of it, `go test` a short form (fewer rounds, shorter pauses).
//
// A scenario is one test function. It has five pieces:
//
//	arena      the built binary with real workers, nginx before it, and what it held when it was at rest
//	load       clients over every way in, which check each byte of each answer (begin starts them)
//	ledger     what became of each request of the load
//	fault      what the test function does, once: to a worker from outside, or by a request to the application in apps/
//	criterion  numbers: which requests may fail and how, when service is back, which counters moved by how much
//
// arena.end stops the load, judges the ledger by the criterion, and makes the scan of testkit.Server.Aftermath.
//
// An answer is right if it names the request's own number, the length and digest of the body that the application read, and
// is followed by as many bytes of that request's own pattern (SHAKE128 of its number) as were asked for. So an answer that was
// swapped, cut, doubled or mixed is seen, whatever its status.
//
// The application notes in a journal which process began and ended which request. By that, "exactly the requests that a dead
// worker held" is a comparison of sets.
//
// The scenarios are 31. Where other packages hold one already, it is not repeated here:
//
//	      calls into the kernel that fail  TestCallsFail, TestForksFail
//	 1 2  a worker killed, all of them      TestOneWorkerKilled, TestAllWorkersKilled
//	 3 4  reloads, broken configuration     TestReloadsUnderLoad, TestHalfWrittenConfigurations
//	 5 30 hangs, uninterruptible, stopped   TestHangs, TestUninterruptible, TestStopped, TestStoppedForLong, TestIdleWorkerStopped
//	 6 7  crash loop, ways to die           TestCrashLoop, TestWaysToDie
//	 8    children that keep descriptors    TestChildren
//	 9 10 descriptors, a peer that lies     TestDescriptors, TestSurroundings, TestSocketFileRemoved, TestScribbledMemory,
//	                                        TestScribbledHeaderAtARespawn
//	11 12 13  slow heads, bodies, idle      TestCrowds
//	14    2 GB of upload                    TestLargeUploads; its file after kill -9: TestServerKilled
//	15    slow readers                      TestSlowReaders, TestVerySlowReaders
//	16 17 clients that leave, too many      TestClientsLeave, TestQueueOverflows
//	18 19 20  descriptors, disk, memory     TestDescriptorsRunOut, TestWorkersWithoutDescriptors, TestDiskFull,
//	                                        TestDisksThatFail, TestStartOnABrokenDisk, TestMemoryRunsOut;
//	                                        penknife's own memory: TestCacheUnderSiege
//	21 22 penknife killed, terminated       TestServerKilled, TestServerTerminated, TestSecondSignal
//	23    the clock is set                  TestClockIsSet, TestBootsApart; with clocks of their own TheClockIsSet in cache, certs, sidecars, static
//	24 25 leak, signal storm                TestLeakIsRecycled, TestSignalStorm
//	26    static files                      TestHostileFiles, TestLinksThatChange; more names and ranges in static
//	27    cache                             TestCacheUnderSiege; more of who is told apart in cache, the books against the heap in cache/store
//	28    mutated packets                   TestMutatedPackets
//	29    upgrade, and back                 TestUpgradeAndBack; more ways to fail in e2e: TestUpgradeThatFails, TestUpgradeThatIsCalledOff
//	31    output and threads at the end     TestWorkersThatDoNotLeave
package chaos
