import { View } from '../parts/frame'

export function History() {
  return <View title="History">{null}</View>
}
