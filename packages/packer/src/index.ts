/** Description file and patch .so to metadata. */
export {
  parseDescription,
  type Description,
  type Pair,
  type Section,
  type Word,
} from './description';
export { pack, readDescription, type Packed } from './pack';
