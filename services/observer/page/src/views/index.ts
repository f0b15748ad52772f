// Every view of the page. A new one is its file, which says all about it, and its line here.
export { audit } from './audit'
export { history } from './history'
export { incident } from './incident'
export { metrics } from './metrics'
export { queue } from './queue'
export { runs } from './runs'
export { silences } from './silences'
export { world } from './world'
