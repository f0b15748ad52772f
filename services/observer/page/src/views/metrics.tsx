import { View } from '../parts/frame'

export function Metrics() {
  return <View title="Metrics">{null}</View>
}
