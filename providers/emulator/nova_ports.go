package emulator

// bindPorts gives the server its ports, as the compute host does: a port that another server has ends the build, and then
// the clean-up of Nova takes the ports that were asked for from whoever has them. It tells whether the server has them.
func (s *Server) bindPorts(sv *server) bool {
	for _, sp := range sv.Ports {
		p, ok := s.ports.get(sp.ID)
		if ok && (p.Device == "" || p.Device == sv.ID) {
			continue
		}
		for _, sp := range sv.Ports {
			if p, ok := s.ports.get(sp.ID); ok {
				s.unplug(p, sp.Own)
			}
		}
		s.fail(sv, "Build of instance "+sv.ID+" aborted: Failed to allocate the network(s), not rescheduling.")
		return false
	}
	for _, sp := range sv.Ports {
		p, _ := s.ports.get(sp.ID)
		p.Device, p.DeviceOwner, p.Updated, p.Revision = sv.ID, "compute:"+sv.AZ, s.now(), p.Revision+1
		s.ports.put(p.ID, p)
	}
	return true
}
