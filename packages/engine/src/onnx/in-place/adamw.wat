;; One step of AdamW on pairs of numbers, in double precision, as updateAdamW in adamw.ts computes it.
;; After a change: wat2wasm adamw.wat (WABT 1.0.39), then base64, into wasm-memory.ts.
(module
  (import "host" "memory" (memory 1))
  (func (export "adamw")
    ;; Addresses: parameter, gradient, first moment, second moment; end of the gradient. The numbers
    ;; are a multiple of two.
    (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $end i32)
    (param $scale f64) (param $beta1 f64) (param $rest1 f64) (param $beta2 f64) (param $rest2 f64)
    (param $keep f64) (param $stepSize f64) (param $rootCorrection f64) (param $epsilon f64)
    (local $gradient v128) (local $first v128) (local $second v128)
    (loop $pairs
      (local.set $gradient
        (f64x2.mul
          (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $g)))
          (f64x2.splat (local.get $scale))))
      (local.set $first
        (f64x2.add
          (f64x2.mul
            (f64x2.splat (local.get $beta1))
            (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $m))))
          (f64x2.mul (f64x2.splat (local.get $rest1)) (local.get $gradient))))
      (local.set $second
        (f64x2.add
          (f64x2.mul
            (f64x2.splat (local.get $beta2))
            (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $v))))
          (f64x2.mul (f64x2.mul (f64x2.splat (local.get $rest2)) (local.get $gradient)) (local.get $gradient))))
      (v128.store64_lane 0 (local.get $m) (f32x4.demote_f64x2_zero (local.get $first)))
      (v128.store64_lane 0 (local.get $v) (f32x4.demote_f64x2_zero (local.get $second)))
      (v128.store64_lane 0 (local.get $p)
        (f32x4.demote_f64x2_zero
          (f64x2.sub
            (f64x2.mul
              (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $p)))
              (f64x2.splat (local.get $keep)))
            (f64x2.div
              (f64x2.mul (f64x2.splat (local.get $stepSize)) (local.get $first))
              (f64x2.add
                (f64x2.mul (f64x2.sqrt (local.get $second)) (f64x2.splat (local.get $rootCorrection)))
                (f64x2.splat (local.get $epsilon)))))))
      (local.set $p (i32.add (local.get $p) (i32.const 8)))
      (local.set $m (i32.add (local.get $m) (i32.const 8)))
      (local.set $v (i32.add (local.get $v) (i32.const 8)))
      (br_if $pairs
        (i32.lt_u (local.tee $g (i32.add (local.get $g) (i32.const 8))) (local.get $end))))))
