package tools

import "runtime"

// garbageRoom is how much a verification allocates before it looks for what is no
// longer used. By itself the collector would come again and again while little is
// alive, after a few thousand entries each time; with a lot alive it makes no
// difference. It is never touched, so it takes no memory by itself.
const garbageRoom = 64 << 20

// roomForGarbage has the collector count so many bytes as alive until it is called back.
func roomForGarbage() (done func()) {
	room := make([]byte, garbageRoom)
	return func() { runtime.KeepAlive(room) }
}
