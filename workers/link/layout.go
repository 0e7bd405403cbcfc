package link

// The Go side of python/accel/layout.h, which says what each word means and who may write it. The names there are
// these in capitals with PK_ before them; TestLayoutMatchesHeader compares the values.
const (
	layoutMagic   = 0x31454649464b4e50
	layoutVersion = 4

	hMagic        = 0
	hVersion      = 8
	hSlots        = 12
	hWorkers      = 16
	hThreads      = 20
	hRingSize     = 24
	hSpin         = 28
	hVarsArea     = 32
	hRequestRing  = 40
	hHeadArea     = 48
	hResponseRing = 56
	hOffLanes     = 64
	hOffWorkers   = 72
	hOffRing      = 80
	hOffEvents    = 88
	hOffSlots     = 96
	hOffAreas     = 104
	hTotal        = 112
	hGoPid        = 120
	hGoAsleep     = 128
	hRingHead     = 192
	hRingTail     = 256
	hIdle         = 320
	idleWords     = 16
	headerSize    = 4096
	geometrySize  = 128

	laneSize   = 64
	lWake      = 0
	lBusy      = 8
	lSince     = 16
	lInterrupt = 24
	lThread    = 32

	workerSize  = 64
	wStop       = 0
	wRunning    = 4
	wInterrupts = 8

	slotSize      = 256
	sState        = 0
	sClaimedAt    = 8
	sDoneAt       = 16
	sGoSeq        = 64
	sAbort        = 68
	sVarsLen      = 72
	sAlone        = 76
	sBodyLen      = 80
	sReqProduced  = 88
	sRespConsumed = 96
	sRequestID    = 104
	sBodyAt       = 112
	sWaiting      = 128
	sPhase        = 132
	sFlags        = 136
	sStatus       = 140
	sReasonLen    = 144
	sHeadLen      = 148
	sRespLen      = 152
	sRespProduced = 160
	sReqConsumed  = 168
	sFileOffset   = 176

	stateFree      = 0
	stateQueued    = 1
	stateClaimed   = 2
	stateDone      = 3
	stateCancelled = 4

	phaseNone  = 0
	phaseHead  = 1
	phaseError = 2

	flagFile = 1
	flagCut  = 2
)

// stateWord packs a slot's state: ring position, lane + 1 (0: nobody), state.
func stateWord(position uint32, lane int, state uint64) uint64 {
	return uint64(position)<<32 | uint64(lane+1)<<8 | state
}

// splitState is the inverse of stateWord; lane is -1 when nobody holds the slot.
func splitState(word uint64) (position uint32, lane int, state uint64) {
	return uint32(word >> 32), int(word>>8&0xffffff) - 1, word & 0xff
}

// ringEntry packs what a ring cell holds.
func ringEntry(position uint64, slot uint32) uint64 {
	return uint64(uint32(position))<<32 | uint64(slot)
}
