import type { IconName } from './ui/icons'

interface Item {
  to: string
  name: string
  icon: IconName
  key: string // after g
}

export const nav: Item[] = [
  { to: '/', name: 'Home', icon: 'home', key: 'h' },
  { to: '/activity', name: 'Activity', icon: 'activity', key: 'a' },
  { to: '/sessions', name: 'Sessions', icon: 'sessions', key: 's' },
  { to: '/approvals', name: 'Approvals', icon: 'approvals', key: 'p' },
  { to: '/agents', name: 'Agents', icon: 'agents', key: 'g' },
  { to: '/services', name: 'Services', icon: 'services', key: 'v' },
  { to: '/policy', name: 'Policy', icon: 'policy', key: 'y' },
  { to: '/usage', name: 'Usage', icon: 'usage', key: 'o' },
  { to: '/audit', name: 'Audit', icon: 'audit', key: 'u' },
  { to: '/docs', name: 'Docs', icon: 'book', key: 'd' },
  { to: '/settings', name: 'Settings', icon: 'settings', key: 't' },
]
