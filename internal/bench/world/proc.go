package world

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is USER_HZ, which Linux fixes for /proc.
const ticks = 100

// cpuSeconds is the processor time that processes have used.
func cpuSeconds(pids []int) (float64, error) {
	var sum float64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("processor time: %w", err)
		}
		text := string(b)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		const user, system = 11, 12 // after the name, which may hold spaces
		if len(fields) <= system {
			return 0, fmt.Errorf("processor time: %q is not what /proc/PID/stat looks like", text)
		}
		for _, f := range fields[user : system+1] {
			n, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return 0, fmt.Errorf("processor time: %w", err)
			}
			sum += n / ticks
		}
	}
	return sum, nil
}

// memoryKiB is a line of /proc/PID/status.
func memoryKiB(pid int, line string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}
	for text := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(text, line+":"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("memory: /proc/%d/status has no %s", pid, line)
}

// UDPDrops counts datagrams that this machine threw away because a socket's
// buffer was full; a retransmit beside one of them is not the gateway's own.
func UDPDrops() float64 {
	b, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, "Udp:")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		for i, name := range names {
			if name == "RcvbufErrors" && i < len(fields) {
				n, err := strconv.ParseFloat(fields[i], 64)
				if err == nil {
					return n
				}
			}
		}
		names = fields
	}
	return 0
}

// CPU is the processor time that the variant's processes have used, in seconds.
func (t *Target) CPU() (float64, error) { return cpuSeconds(t.pids) }

// RSS is the memory of the variant's first process that is in RAM, in KiB.
func (t *Target) RSS() (float64, error) { return memoryKiB(t.pids[0], "VmRSS") }

// Anonymous is RSS without what stands in files: the program itself.
func (t *Target) Anonymous() (float64, error) { return memoryKiB(t.pids[0], "RssAnon") }
